export { createLogger, type Logger } from './log.ts'
export { openLogFile } from './log-file.ts'
export { RequestLog } from './request-log.ts'
