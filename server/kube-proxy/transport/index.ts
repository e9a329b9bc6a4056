export type { AnswerHead, Call, CallEnd, EndReason, EndSignal } from './call.ts'
export {
  createDestinationPolicy,
  type Destination,
  type DestinationPolicy,
  type DestinationRefusal,
  type DestinationSettings,
  parseRanges,
  type ResolvedAddress,
} from './destination.ts'
export { ConnectError, createDialler, type Dialler, type DiallerSettings, type Upstream } from './dial.ts'
export { defaultLimits, type TransportLimits } from './limits.ts'
export type { OwnName } from './own-names.ts'
export { type ClientResponse, replyOnSocket, replyStatus, replyStatusOnSocket } from './reply.ts'
export { type ClientRequest, type HeadProblem, parseHead, type RequestHead } from './request-head.ts'
export { createTransport, type Transport, type TransportSettings, type TransportStats } from './transport.ts'
export type { Upgrade } from './upgrade-request.ts'
