export { claimDataFolder, type DataFolder, type DataFolderRefused } from './data-folder.ts'
export { describeFileProblem } from './file-problem.ts'
export { readOrCreateSecretFile, writeFileAtomically } from './secret-file.ts'
