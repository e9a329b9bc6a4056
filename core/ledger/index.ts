export {
  type Checkpoint,
  type CheckpointRefusal,
  checkpointText,
  logOrigin,
  openCheckpoint,
  parseCheckpointText,
  signCheckpoint,
} from './checkpoint.ts'
export { type Difference, differences } from './differences.ts'
export {
  appendLeaf,
  emptyFrontier,
  type Frontier,
  frontierRoot,
  parseFrontier,
  rootOf,
  serializeFrontier,
} from './frontier.ts'
export { emptyRoot, hashBytes, leafHash, nodeHash, noPrevLeaf } from './hash.ts'
export {
  type BodyRefusal,
  composeLine,
  destroyedLine,
  type EntryBody,
  entryBody,
  exportFormat,
  exportHeader,
  maxBodyBytes,
  maxLineBytes,
  parseEntryBody,
  saltBytes,
} from './line.ts'
export {
  type KeyRefusal,
  type Note,
  type NoteRefusal,
  type NoteSignature,
  type NoteSigner,
  type NoteVerifier,
  noteSigner,
  noteVerifier,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKeyText,
} from './note.ts'
export {
  type Consistency,
  consistencyProof,
  consistencyRanges,
  type Inclusion,
  inclusionProof,
  inclusionRanges,
  type LeafRange,
  verifyConsistency,
  verifyInclusion,
} from './proof.ts'
export {
  createExportVerifier,
  type ExportFault,
  type ExportProblem,
  type ExportVerdict,
  type ExportVerifier,
  type VerifiedExport,
  verifyExport,
  verifyExportBytes,
} from './verify-export.ts'
