/** Operations that are served and do not do all that is published, or do it another way. The first that fits counts. */
export const differences: readonly { readonly of: RegExp; readonly how: string }[] = [
  {
    of: /^GET \/v1\/auth\/sso\/(idps|logins|providers)$/,
    how: 'always empty, for people sign in with a password until identity providers can be connected',
  },
  { of: /^GET \/v1\/auth\/org$/, how: 'the same answer for every name, so that names cannot be tried' },
  { of: /^GET \/v1\/auth\/orgs$/, how: 'the one organisation of the session' },
  { of: /^GET \/v1\/auth\/user\/org\/forgot$/, how: '204, and no mail: there is no mailer' },
  {
    of: /^POST \/v1\/auth\/user\/password\/reset$/,
    how: '204, and no mail: an administrator is asked to make the link (`PATCH /v1/users/{uid}/password/reset`)',
  },
  {
    of: /^PATCH \/v1\/users\/(\{uid\}\/)?password\/reset$/,
    how: 'the link is shown to the administrator, who hands it over; no mail is sent',
  },
  {
    of: /^(POST|PUT) \/v1\/cloudaccounts\/|^POST \/v1\/clouds\/.+\/validate$/,
    how: 'credentials are held to the form that the cloud documents; the cloud is not asked',
  },
  {
    of: /^GET \/v1\/spectroclusters\/\{uid\}\/assets\/(adminK|k)ubeconfig/,
    how: 'a kubeconfig that leads through Palisade with a token of 15 minutes: no credential of the cluster is given out',
  },
  {
    of: /^DELETE \/v1\/projects\/\{uid\}$/,
    how: 'refused while there are clusters, whatever `cleanupProjectResources` says; the audit log keeps what happened in it',
  },
  {
    of: /^DELETE \/v1\/tenants\/\{tenantUid\}$/,
    how: 'marks the tenant and refuses everything of it at once',
  },
  {
    of: /\/preferences\/(clusterGroup|clusterSettings|developerCredit|fips)|\/rateConfig$|\/upgrade\/settings$/,
    how: 'kept for the clients that read it; Palisade runs no agents, virtual clusters or cost reports that it would steer',
  },
]

/** Operations that are not served, and why. The first that fits counts. */
export const leftOut: readonly { readonly of: RegExp; readonly why: string }[] = [
  {
    of: /\/auth\/org\/\{org\}\/(oidc|saml)\/|\/auth\/sso\/\{ssoApp\}\/callback$/,
    why: 'comes with sign-in through identity providers',
  },
  { of: /\/mfa\//, why: 'comes with the second factor' },
]
