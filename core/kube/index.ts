export {
  type Caller,
  type ClusterIdentity,
  type ExtraKey,
  extraKeys,
  type Header,
  type ImpersonationRefusal,
  identityOf,
  impersonationHeaders,
  isHeaderSafe,
  isReservedName,
  maxGroups,
  maxImpersonationBytes,
  requestLine,
} from './impersonation.ts'
export { type Level, type LevelRow, levelRows, levelsOf, nextLevel, permissionFor, reaches } from './levels.ts'
export {
  allParameters,
  type ClusterTarget,
  type ClusterTargetResult,
  firstParameter,
  maxTargetLength,
  type Parameter,
  parseClusterTarget,
  parseTarget,
  type Target,
  type TargetProblem,
} from './path.ts'
export {
  defaultProtectedNamespaces,
  isIdentityHeader,
  type PolicyContext,
  type PolicyRefusal,
  type Rule,
  type RuleId,
  refusedByPalisade,
  rules,
} from './policy.ts'
export { isLongRunning, type RequestInfo, type RequestInfoProblem, requestInfo } from './request-info.ts'
export { failure, renderStatus, type Status, type StatusCode, type StatusDetails } from './status.ts'
export { type SubresourceClass, subresourceClass } from './subresources.ts'
export { requestedTimeoutMs } from './timeout.ts'
export {
  authenticationConfiguration,
  minorOf,
  type TokenAccess,
  type TokenClaims,
  type TrustingCluster,
  tokenClaims,
  tokenModeSinceMinor,
  tokenSecondsOf,
} from './token-claims.ts'
