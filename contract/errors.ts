/**
 * Every refusal a caller may meet, in one table. `code` is what `/v1` clients compare (a string, always), `title` is what
 * a person reads first; `/v1/palisade` renders the same as an RFC 9457 problem whose type ends in the key.
 */
export const refusals = {
  // Credentials
  unauthenticated: { status: 401, code: 'UnAuthorizedAccess', title: 'No valid credential' },
  sign_in_failed: { status: 401, code: 'UnAuthorizedAccess', title: 'E-mail or password is wrong' },
  link_invalid: { status: 400, code: 'InvalidPasswordToken', title: 'This link is used, expired or was never issued' },
  password_wrong: { status: 400, code: 'InvalidPassword', title: 'The current password is wrong' },
  password_policy: { status: 400, code: 'PasswordPolicyViolation', title: 'The password does not meet the policy' },
  password_expired: {
    status: 403,
    code: 'PasswordExpired',
    title: 'The password has expired; set a new one',
  },
  token_invalid: { status: 401, code: 'UnAuthorizedAccess', title: 'The token is not valid' },
  // Access
  forbidden: { status: 403, code: 'OperationForbidden', title: 'Policy denies this action' },
  exceeds_own_rights: { status: 403, code: 'OperationForbidden', title: 'This would give more than you hold' },
  not_found: { status: 404, code: 'ResourceNotFound', title: 'No such resource in this tenant' },
  feature_off: { status: 403, code: 'FeatureNotAllowed', title: 'This feature is switched off here' },
  cross_site: { status: 403, code: 'CrossSiteRequest', title: 'This request did not come from a page of the console' },
  project_not_found: { status: 404, code: 'ProjectNotFoundInTenant', title: 'No such project in this tenant' },
  route_not_found: { status: 404, code: 'RouteNotFound', title: 'No such route' },
  method_not_allowed: { status: 405, code: 'MethodNotAllowed', title: 'This route does not take this method' },
  // Input
  invalid: { status: 400, code: 'InvalidRequest', title: 'The request is not valid' },
  body_not_json: { status: 400, code: 'InvalidJson', title: 'The body is not JSON' },
  body_too_large: { status: 413, code: 'RequestTooLarge', title: 'The request is too large' },
  media_type: { status: 415, code: 'UnsupportedMediaType', title: 'The content type is not supported' },
  project_required: {
    status: 400,
    code: 'ProjectUidRequired',
    title: 'This needs a project: send the ProjectUid header',
  },
  // State
  org_taken: { status: 409, code: 'OrganizationAlreadyExists', title: 'An organisation with this name exists' },
  certificate_name_taken: {
    status: 409,
    code: 'CertificateNameTaken',
    title: 'A certificate with this name exists',
  },
  domain_taken: { status: 409, code: 'DomainTaken', title: 'The domain belongs to a tenant already' },
  user_taken: { status: 409, code: 'UserAlreadyExists', title: 'A user with this e-mail exists' },
  team_name_taken: { status: 409, code: 'TeamNameTaken', title: 'A team with this name exists' },
  role_name_taken: { status: 409, code: 'RoleNameTaken', title: 'A role with this name exists' },
  role_in_use: { status: 409, code: 'RoleInUse', title: 'The role is held by somebody' },
  role_predefined: { status: 409, code: 'RolePredefined', title: 'Predefined roles stay as they are' },
  filter_name_taken: { status: 409, code: 'FilterNameTaken', title: 'A filter with this name exists' },
  filter_in_use: { status: 409, code: 'FilterInUse', title: 'The filter is part of what somebody may do' },
  project_name_taken: { status: 409, code: 'ProjectNameTaken', title: 'A project with this name exists' },
  project_in_use: { status: 409, code: 'ProjectInUse', title: 'The project still has clusters' },
  client_name_taken: { status: 409, code: 'ClientNameTaken', title: 'A client with this name exists' },
  ssh_key_name_taken: { status: 409, code: 'SshKeyNameTaken', title: 'An SSH key with this name exists there' },
  // The code and the words that clients tolerate.
  backup_not_configured: { status: 404, code: 'BackupNotConfigured', title: 'Backup not configured' },
  workspace_name_taken: {
    status: 409,
    code: 'WorkspaceNameTaken',
    title: 'A workspace with this name exists in the project',
  },
  namespace_kept: { status: 409, code: 'NamespaceKept', title: 'Somebody else keeps this namespace on the cluster' },
  private_key_refused: { status: 400, code: 'PrivateKeyRefused', title: 'This is a private key, and not taken' },
  // 422 is what clients tell a clash by.
  macro_name_taken: { status: 422, code: 'MacroNameTaken', title: 'A macro with this name exists there' },
  edge_token_name_taken: {
    status: 409,
    code: 'EdgeTokenNameTaken',
    title: 'A registration token with this name exists',
  },
  cloud_type_taken: { status: 409, code: 'CloudTypeTaken', title: 'A kind of cloud with this name exists' },
  cloud_type_in_use: { status: 409, code: 'CloudTypeInUse', title: 'There are accounts of this kind of cloud' },
  cloud_account_name_taken: {
    status: 409,
    code: 'CloudAccountNameTaken',
    title: 'A cloud account with this name exists there',
  },
  cluster_profile_name_taken: {
    status: 409,
    code: 'ClusterProfileNameTaken',
    title: 'A cluster profile with this name and version exists there',
  },
  cluster_name_taken: {
    status: 409,
    code: 'ClusterNameTaken',
    title: 'A cluster with this name exists in the project',
  },
  own_request: { status: 403, code: 'OwnAccessRequest', title: 'Nobody decides about their own request' },
  request_closed: { status: 409, code: 'AccessRequestClosed', title: 'The request is no longer open' },
  conflict: { status: 409, code: 'Conflict', title: 'The state does not allow this' },
  resource_limit: { status: 403, code: 'ResourceLimitReached', title: 'The limit for this kind of object is reached' },
  // Clusters
  kubeconfig_refused: { status: 400, code: 'KubeconfigRefused', title: 'The kubeconfig cannot be accepted' },
  destination_refused: { status: 400, code: 'DestinationRefused', title: 'This address may not be a cluster' },
  cluster_unreachable: { status: 422, code: 'ClusterUnreachable', title: 'The cluster does not answer' },
  cluster_untrusted: { status: 422, code: 'ClusterNotTrusted', title: 'The cluster cannot prove who it is' },
  cluster_refuses: {
    status: 422,
    code: 'ClusterRefusesCredential',
    title: 'The cluster does not accept the credential',
  },
  cluster_unsupported: { status: 422, code: 'ClusterUnsupported', title: 'No Kubernetes that can be imported' },
  cluster_objects_differ: {
    status: 409,
    code: 'ClusterObjectsDiffer',
    title: 'An object of the name that is needed exists on the cluster and is somebody else’s',
  },
  cluster_refuses_tokens: {
    status: 422,
    code: 'ClusterRefusesTokens',
    title: 'The cluster does not take Palisade’s tokens as it has to',
  },
  direct_unavailable: {
    status: 409,
    code: 'DirectAccessUnavailable',
    title: 'Nobody is given tokens for this cluster itself',
  },
  direct_level: {
    status: 403,
    code: 'DirectLevelRefused',
    title: 'What this level may do is kept by Palisade and not by the cluster alone',
  },
  cluster_not_ready: { status: 409, code: 'ClusterNotReady', title: 'The cluster waits for its bindings' },
  // Load and time
  too_many_requests: { status: 429, code: 'TooManyRequests', title: 'Too many requests' },
  busy: { status: 429, code: 'TooManyRequests', title: 'The server is busy; try again' },
  unavailable: { status: 503, code: 'ServiceUnavailable', title: 'A part this needs does not answer' },
  internal: { status: 500, code: 'InternalError', title: 'Something failed on our side' },
} as const satisfies Record<string, { status: number; code: string; title: string }>

export type RefusalCode = keyof typeof refusals

/**
 * A refusal as a value. `detail` is shown to the caller: never a secret, a policy's text or SQL. `details` becomes the
 * envelope's `details` member; `retryAfterSeconds` a Retry-After header.
 */
export type Refusal = {
  readonly code: RefusalCode
  readonly detail?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly retryAfterSeconds?: number
}

/** Shorthand for a refusal. */
export function refuse(code: RefusalCode, detail?: string, details?: Readonly<Record<string, unknown>>): Refusal {
  return { code, ...(detail === undefined ? {} : { detail }), ...(details === undefined ? {} : { details }) }
}
