const everywhere =
  'without a `ProjectUid` header what the caller may list in the tenant and in all projects, not what is the tenant’s alone'
const wholeObjects = 'whole objects, whatever `fields` says'

/** Operations that are served and do not do all that is published, or do it another way. The first that fits counts. */
export const differences: readonly { readonly of: RegExp; readonly how: string }[] = [
  {
    of: /^GET \/v1\/auth\/sso\/(idps|logins|providers)$/,
    how: 'always empty: people sign in with a password until identity providers sign them in',
  },
  {
    of: /\/domains$|\/assets\/certs/,
    how: 'kept and checked; Palisade decides nothing by the domains, and neither trusts nor presents the certificates',
  },
  { of: /^GET \/v1\/auth\/org$/, how: 'the same answer for every name, so that names cannot be tried' },
  { of: /^GET \/v1\/auth\/orgs$/, how: 'the one organisation of the session' },
  { of: /^GET \/v1\/auth\/user\/org\/forgot$/, how: '204, and no mail: there is no mailer' },
  {
    of: /^POST \/v1\/auth\/user\/password\/reset$/,
    how: '204, and no mail: an administrator makes the link (`PATCH /v1/users/{uid}/password/reset`)',
  },
  {
    of: /^PATCH \/v1\/users\/(\{uid\}\/)?password\/reset$|passwordResetLink$/,
    how: 'the link is shown to the administrator, who hands it over; no mail is sent',
  },
  {
    of: /^(POST|PUT) \/v1\/cloudaccounts\/|^POST \/v1\/clouds\/.+\/account\/validate$/,
    how: 'credentials are held to the form that the cloud documents; the cloud is not asked',
  },
  {
    of: /^(POST|PUT|PATCH) \/v1\/clusterprofiles(\/\{uid\}(\/publish)?)?$/,
    how: 'profiles are kept, with versions and publication; Palisade deploys none of their packs',
  },
  {
    of: /^POST \/v1\/spectroclusters\/.+\/import$/,
    how: 'there is no agent: the manifest makes the account, and `palisade cluster join` hands it in (docs/clusters.md); a proxy is refused',
  },
  {
    of: /^GET \/v1\/spectroclusters\/\{uid\}\/assets\/(adminK|adminTokenK|frpK|k)ubeconfig/,
    how: 'a kubeconfig that leads through Palisade with a token of 15 minutes: no credential of the cluster is given out',
  },
  {
    of: /^PUT \/v1\/spectroclusters\/\{uid\}\/assets\/kubeconfig$/,
    how: 'completes an import by manifest, or takes the account of a cluster anew',
  },
  {
    of: /^(POST \/v1\/workspaces|PUT \/v1\/workspaces\/\{uid\}\/clusterNamespaces)$/,
    how: 'namespaces by name: patterns, barred images and backups are refused, and so are namespaces that somebody else keeps, to who may change neither',
  },
  { of: /^GET \/v1\/workspaces\/\{uid\}\/backup$/, how: 'always 404 `BackupNotConfigured`: Palisade makes no backups' },
  {
    of: /^DELETE \/v1\/projects\/\{uid\}$/,
    how: 'refused while there are clusters, whatever `cleanupProjectResources` says; the audit log keeps what happened in it',
  },
  { of: /^DELETE \/v1\/tenants\/\{tenantUid\}$/, how: 'marks the tenant, and everything of it is refused at once' },
  {
    of: /^GET \/v1\/health\/|^PATCH \/v1\/system\/(admins\/auth|users)\/password\/|^POST \/v1\/system\/users\/password\/reset$/,
    how: 'needs a credential, for the doors without one are few and fixed; `/livez`, `/readyz` and `/v1/auth/password/…` need none',
  },
  {
    of: /^GET \/v1\/system\/admins$/,
    how: 'the first administrator is not in it: the published kinds have no word for one',
  },
  { of: /^GET \/v1\/(users|teams|roles|tenants)$/, how: wholeObjects },
  { of: /^GET \/v1\/cloudaccounts\/aws$/, how: `${wholeObjects}; ${everywhere}` },
  {
    of: /^POST \/v1\/dashboard\/spectroclusters\/metadata$/,
    how: `every cluster is imported and none virtual, so \`isImported\`, \`isAlloy\` and \`includeVirtual\` change nothing; ${everywhere}`,
  },
  {
    of: /^POST \/v1\/dashboard\/clusterprofiles$/,
    how: `each profile is fit for any \`resourceType\`, which changes nothing; ${everywhere}`,
  },
  {
    of: /^GET \/v1\/dashboard\/spectroclusters\/metadata$/,
    how: `no cluster carries others, so every \`quickFilter\` finds none; ${everywhere}`,
  },
  {
    of: /^GET \/v1\/(cloudaccounts\/summary|users\/assets\/sshkeys|dashboard\/(clusterprofiles\/metadata|spectroclusters\/(meta|search\/input)|workspaces))$|^POST \/v1\/dashboard\/spectroclusters\/search$/,
    how: everywhere,
  },
  {
    of: /\/resourceLimits$/,
    how: 'what nobody set is 10,000 of a kind, 200 macros and 20 API keys a person, not the published 300, 100 or 50',
  },
  { of: /^PUT \/v1\/system\/classificationBanner$/, how: 'of the document its `text` is shown' },
  {
    of: /\/preferences\/(clusterGroup|clusterSettings|developerCredit|fips)|\/rateConfig$|\/upgrade\/settings$/,
    how: 'kept for the clients that read it: Palisade runs nothing that it would steer (docs/settings.md)',
  },
  {
    of: /^POST \/v1\/tenants\/\{tenantUid\}\/(oidc\/config|saml\/config|sso\/auth\/providers)$/,
    how: 'held to its form and kept; nobody is signed in by it yet. `insecureSkipVerify` is refused',
  },
]

/** Operations that are not served, and why. The first that fits counts. */
export const leftOut: readonly { readonly of: RegExp; readonly why: string }[] = [
  {
    of: /\/auth\/org\/\{org\}\/(oidc|saml)\/|\/auth\/sso\/\{ssoApp\}\/callback$|\/system\/config\/sso/,
    why: 'comes with sign-in through identity providers',
  },
  { of: /\/mfa\//, why: 'comes with the second factor' },
  { of: /\/dataSinks$|\/cloudwatch/, why: 'comes with the delivery of the audit log to other systems' },
  { of: /\/aws\/account\/sts$/, why: 'Palisade has no account of its own at a cloud that another could trust' },
  {
    of: /^(POST|PUT|DELETE) \/v1\/spectroclusters\/\{uid\}\/assets(?!\/kubeconfig$)|\/heartbeat$|\/status\/imported$/,
    why: 'an agent would call it, and Palisade puts none on clusters',
  },
  { of: /\/config\/smtp|\/users\/email\/|\/tenants\/signup/, why: 'there is no mailer' },
  {
    of: /^(POST|PUT|DELETE) \/v1\/workspaces\/\{uid\}\/(backup|restore)|\/workspaces\/\{uid\}\/restore$/,
    why: 'Palisade makes no backups of workloads',
  },
  { of: /\/contract(\/accept)?$/, why: 'there is no contract that anybody would be held to' },
  {
    of: /\/cleanUp$|\/isCleanedUp$/,
    why: 'a deleted tenant is refused everything; destroying its rows comes with destroying its key',
  },
  { of: /\/config\/domain\/certificates$/, why: '`PALISADE_TLS_CERT` and `PALISADE_TLS_KEY` say it, and are watched' },
  { of: /\/system\/config\/auth$/, why: 'what it would switch off, such as the check of certificates, cannot be' },
  { of: /\/system\/security\/mode$/, why: 'there is one mode' },
  { of: /\/system\/encrypt$/, why: 'nothing here reads what it would encrypt' },
  { of: /\/version\/latest$/, why: 'Palisade asks nobody outside what the newest release is' },
  {
    of: /\/users\/kubectl\/session\//,
    why: 'sessions of clusters are seen at `GET /v1/palisade/clusters/{uid}/streams`',
  },
]
