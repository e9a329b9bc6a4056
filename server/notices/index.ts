export type { Notices, NoticesOf } from './notice-types.ts'
export { createNotices } from './notices.ts'
