import { type Provider, sparse, unlessGone } from './provider.ts'
import type { Resource } from './resource.ts'

type Numbers = Readonly<Record<string, number>>

export type PasswordPolicy =
  | { readonly regex: string; readonly days: Numbers }
  | { readonly counters: Numbers; readonly days: Numbers }

const counterNames = [
  'minLength',
  'minNumOfBlockLetters',
  'minNumOfDigits',
  'minNumOfSmallLetters',
  'minNumOfSpecialCharacters',
] as const

const pick = (from: Readonly<Record<string, number>>, names: readonly string[]): Numbers =>
  Object.fromEntries(names.map((name) => [name, from[name] ?? Number.NaN]))

const noCounters: Numbers = Object.fromEntries(counterNames.map((name) => [name, 0]))

const policyBody = (config: PasswordPolicy) =>
  'regex' in config
    ? { isRegex: true, regex: config.regex, ...noCounters, ...config.days }
    : { isRegex: false, regex: '', ...config.counters, ...config.days }

const savePolicy = async (provider: Provider, config: PasswordPolicy) => {
  const tenant = await provider.tenantUid()
  await provider.call('in context', 'POST', `/v1/tenants/${tenant}/password/policy`, sparse(policyBody(config)))
}

export const passwordPolicy: Resource<PasswordPolicy> = {
  name: 'spectrocloud_password_policy',
  context: 'tenant',
  isSetting: true,
  async create(provider, config) {
    await savePolicy(provider, config)
    return 'default-password-policy-id'
  },
  async read(provider) {
    const found = await provider.call('in context', 'GET', `/v1/tenants/${await provider.tenantUid()}/password/policy`)
    const days = pick(found, ['expiryDurationInDays', 'firstReminderInDays'])
    return found.regex ? { regex: found.regex, days } : { counters: pick(found, counterNames), days }
  },
  update: (provider, _, __, to) => savePolicy(provider, to),
  delete: (provider) =>
    savePolicy(provider, {
      counters: { ...Object.fromEntries(counterNames.map((name) => [name, 1])), minLength: 6 },
      days: { expiryDurationInDays: 999, firstReminderInDays: 5 },
    }),
}

const limitKinds =
  'alert apiKey appdeployment appprofile certificate cloudaccount clustergroup clusterprofile edgehost edgetoken filter location macro privategateway project registry role spectrocluster sshkey team user workspace'.split(
    ' ',
  )

/** By kind, all of them: the provider has no partial form. */
export const allLimits = (more: Numbers): Numbers => ({
  ...Object.fromEntries(limitKinds.map((kind, at) => [kind, 200 + at])),
  ...more,
})

const saveLimits = async (provider: Provider, limits: Numbers) => {
  const resources = Object.entries(limits).map(([kind, limit]) => ({ kind, limit }))
  const tenant = await provider.tenantUid()
  await provider.call('in context', 'PATCH', `/v1/tenants/${tenant}/resourceLimits`, { resources })
}

export const resourceLimit: Resource<Numbers> = {
  name: 'spectrocloud_resource_limit',
  context: 'tenant',
  isSetting: true,
  async create(provider, config) {
    await saveLimits(provider, config)
    return 'default-resource-limit-id'
  },
  async read(provider) {
    const tenant = await provider.tenantUid()
    const { resources } = await provider.call('in context', 'GET', `/v1/tenants/${tenant}/resourceLimits`)
    const known = resources.filter(({ kind }: { kind: string }) => limitKinds.includes(kind))
    return Object.fromEntries(known.map(({ kind, limit }: { kind: string; limit: number }) => [kind, limit]))
  },
  update: (provider, _, __, to) => saveLimits(provider, to),
  delete: (provider) => saveLimits(provider, allLimits({ user: 300, spectrocluster: 1000, role: 400 })),
}

export type PlatformSetting = {
  readonly sessionMinutes: number
  readonly bindsRolesAutomatically: boolean
  readonly banner: { readonly title: string; readonly message: string } | undefined
  readonly repairsNodes: boolean
  readonly fips: readonly [packs: boolean, features: boolean, imports: boolean]
  readonly agentUpgrades: 'lock' | 'unlock'
}

const mode = (nonFips: boolean) => ({ mode: nonFips ? 'nonFipsEnabled' : 'nonFipsDisabled' })

const savePlatform = async (provider: Provider, config: PlatformSetting) => {
  const tenant = `/v1/tenants/${await provider.tenantUid()}`
  const put = (path: string, body: unknown) => provider.call('in context', 'PUT', tenant + path, body)
  await put('/authTokenSettings', { expiryTimeMinutes: config.sessionMinutes })
  await put('/preferences/clusterRbacSettings', {
    automaticClusterRoleBinding: config.bindsRolesAutomatically ? 'enabled' : 'disabled',
  })
  const { banner } = config
  await put('/loginBanner', {
    isEnabled: banner !== undefined,
    title: banner?.title ?? '',
    Message: banner?.message ?? '',
  })
  await put('/preferences/clusterSettings/nodesAutoRemediationSetting', {
    disableNodesAutoRemediation: !config.repairsNodes,
    isEnabled: true,
  })
  const [packs, features, imports] = config.fips
  await put('/preferences/fips', {
    fipsPackConfig: mode(packs),
    fipsClusterFeatureConfig: mode(features),
    fipsClusterImportConfig: mode(imports),
  })
  await provider.call('in context', 'POST', '/v1/spectroclusters/upgrade/settings', {
    spectroComponents: config.agentUpgrades,
  })
}

export const platformSetting: Resource<PlatformSetting> = {
  name: 'spectrocloud_platform_setting',
  context: 'tenant',
  isSetting: true,
  async create(provider, config) {
    await savePlatform(provider, config)
    return `platformsetting-${await provider.tenantUid()}`
  },
  async read(provider) {
    const tenant = `/v1/tenants/${await provider.tenantUid()}`
    const get = (path: string) => provider.call('in context', 'GET', tenant + path)
    const { expiryTimeMinutes } = await get('/authTokenSettings')
    const { automaticClusterRoleBinding } = await get('/preferences/clusterRbacSettings')
    const banner = await get('/loginBanner')
    const { nodesAutoRemediationSetting } = await get('/preferences/clusterSettings')
    const fips = await get('/preferences/fips')
    const upgrades = await provider.call('in context', 'GET', '/v1/spectroclusters/upgrade/settings')
    return {
      sessionMinutes: expiryTimeMinutes,
      bindsRolesAutomatically: automaticClusterRoleBinding === 'enabled',
      banner: banner.title && banner.Message ? { title: banner.title, message: banner.Message } : undefined,
      repairsNodes: !nodesAutoRemediationSetting.disableNodesAutoRemediation,
      fips: [
        fips.fipsPackConfig.mode === 'nonFipsEnabled',
        fips.fipsClusterFeatureConfig.mode === 'nonFipsEnabled',
        fips.fipsClusterImportConfig.mode === 'nonFipsEnabled',
      ],
      agentUpgrades: upgrades.spectroComponents,
    }
  },
  update: (provider, _, __, to) => savePlatform(provider, to),
  delete: (provider) =>
    savePlatform(provider, {
      sessionMinutes: 240,
      bindsRolesAutomatically: false,
      banner: undefined,
      repairsNodes: false,
      fips: [false, false, false],
      agentUpgrades: 'unlock',
    }),
}

/** The same resource in a project has two parts alone. */
export type ProjectSetting = Pick<PlatformSetting, 'repairsNodes' | 'agentUpgrades'>

const saveProject = async (provider: Provider, { repairsNodes, agentUpgrades }: ProjectSetting) => {
  await provider.tenantUid()
  const of = `/v1/projects/${provider.projectUid}/preferences/clusterSettings/nodesAutoRemediationSetting`
  await provider.call('in context', 'PUT', of, { disableNodesAutoRemediation: !repairsNodes, isEnabled: true })
  const path = '/v1/spectroclusters/upgrade/settings'
  await provider.call('in context', 'POST', path, { spectroComponents: agentUpgrades })
}

export const projectSetting: Resource<ProjectSetting> = {
  name: 'spectrocloud_platform_setting of a project',
  context: 'project',
  isSetting: true,
  async create(provider, config) {
    await saveProject(provider, config)
    return `platformsetting-${provider.projectUid}`
  },
  async read(provider) {
    const of = `/v1/projects/${provider.projectUid}/preferences/clusterSettings`
    const { nodesAutoRemediationSetting } = await provider.call('in context', 'GET', of)
    const upgrades = await provider.call('in context', 'GET', '/v1/spectroclusters/upgrade/settings')
    return {
      repairsNodes: !nodesAutoRemediationSetting.disableNodesAutoRemediation,
      agentUpgrades: upgrades.spectroComponents,
    }
  },
  update: (provider, _, __, to) => saveProject(provider, to),
  delete: (provider) => saveProject(provider, { repairsNodes: false, agentUpgrades: 'unlock' }),
}

export type DeveloperSetting = { readonly credit: Numbers; readonly hidesSystemGroups: boolean }

const saveDeveloper = async (provider: Provider, { credit, hidesSystemGroups }: DeveloperSetting) => {
  const of = `/v1/tenants/${await provider.tenantUid()}/preferences`
  await provider.call('in context', 'PUT', `${of}/developerCredit`, credit)
  await provider.call('in context', 'PUT', `${of}/clusterGroup`, { hideSystemClusterGroups: hidesSystemGroups })
}

export const developerSetting: Resource<DeveloperSetting> = {
  name: 'spectrocloud_developer_setting',
  context: 'tenant',
  isSetting: true,
  async create(provider, config) {
    await saveDeveloper(provider, config)
    return `developersetting-${await provider.tenantUid()}`
  },
  async read(provider) {
    const of = `/v1/tenants/${await provider.tenantUid()}/preferences`
    const credit = await provider.call('in context', 'GET', `${of}/developerCredit`)
    const { hideSystemClusterGroups } = await provider.call('in context', 'GET', `${of}/clusterGroup`)
    return {
      credit: pick(credit, ['cpu', 'memoryGiB', 'storageGiB', 'virtualClustersLimit']),
      hidesSystemGroups: hideSystemClusterGroups,
    }
  },
  update: (provider, _, __, to) => saveDeveloper(provider, to),
  delete: (provider) =>
    saveDeveloper(provider, {
      credit: { cpu: 12, memoryGiB: 16, storageGiB: 20, virtualClustersLimit: 2 },
      hidesSystemGroups: false,
    }),
}

export type Sso =
  | { readonly type: 'saml'; readonly metadata: string; readonly domains: readonly string[] }
  | {
      readonly type: 'oidc'
      readonly secret: string
      readonly caPem: string
      readonly scopes: readonly string[]
      readonly domains: readonly string[]
      readonly providers: readonly string[]
    }

const issuer = 'https://identity.example.com/realms/acme'
const claims = { Email: 'email', FirstName: 'given_name', LastName: 'family_name', SpectroTeam: 'groups' }
const samlAttributes = Object.keys(claims).map((name) => ({
  name,
  attributeValue: name.toLowerCase(),
  mappedAttribute: name,
  nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified',
}))

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64')

const saveSso = async (provider: Provider, config: Sso, known = { callbackUrl: '', logoutUrl: '' }) => {
  const of = `/v1/tenants/${await provider.tenantUid()}`
  const post = (path: string, body: unknown) => provider.call('in context', 'POST', of + path, body)
  if (config.type === 'saml')
    await post('/saml/config', {
      attributes: samlAttributes,
      defaultTeams: [],
      federationMetadata: base64(config.metadata),
      identityProvider: 'Okta',
      isSingleLogoutEnabled: true,
      isSsoEnabled: true,
      nameIdFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
      syncSsoTeams: true,
    })
  else
    await post('/oidc/config', {
      ...known,
      clientId: 'palisade',
      clientSecret: config.secret,
      defaultTeams: null,
      isSsoEnabled: true,
      issuerUrl: issuer,
      // As it is typed, although what is read is taken for base64.
      issuerTls: { caCertificateBase64: config.caPem, insecureSkipVerify: false },
      requiredClaims: claims,
      scopes: config.scopes,
      scopesDelimiter: '',
      syncSsoTeams: true,
      userInfo: { useUserInfo: false, claims: null },
    })
  await post('/domains', { domains: config.domains })
  if (config.type === 'oidc') await post('/sso/auth/providers', { isEnabled: true, ssoLogins: config.providers })
}

export const sso: Resource<Sso> = {
  name: 'spectrocloud_sso',
  context: 'tenant',
  isSetting: true,
  async create(provider, config) {
    await saveSso(provider, config)
    return 'sso_settings'
  },
  async read(provider, _, config) {
    const of = `/v1/tenants/${await provider.tenantUid()}`
    const get = (path: string) => provider.call('in context', 'GET', of + path)
    const found = await get(config.type === 'saml' ? '/saml/config' : '/oidc/config')
    const { domains } = await get('/domains')
    if (config.type === 'saml') {
      for (const { name } of samlAttributes)
        if (!found.attributes.some((one: { name: string }) => one.name === name)) throw new Error(`panic: no ${name}`)
      for (const computed of ['issuer', 'entityId', 'audienceUrl', 'singleLogoutUrl', 'serviceProviderMetadata'])
        if (typeof found[computed] !== 'string') throw new Error(`panic: no ${computed}`)
      return { type: 'saml', metadata: Buffer.from(found.federationMetadata, 'base64').toString('utf8'), domains }
    }
    const { ssoLogins } = await get('/sso/auth/providers')
    return {
      type: 'oidc',
      // A masked secret keeps what the state has.
      secret: found.clientSecret.includes('*') || found.clientSecret === '' ? config.secret : found.clientSecret,
      caPem: Buffer.from(found.issuerTls.caCertificateBase64, 'base64').toString('utf8'),
      scopes: found.scopes,
      domains,
      providers: ssoLogins,
    }
  },
  async update(provider, _, __, to) {
    const of = `/v1/tenants/${await provider.tenantUid()}`
    const { callbackUrl, logoutUrl } = await provider.call('in context', 'GET', `${of}/oidc/config`)
    await saveSso(provider, to, { callbackUrl, logoutUrl })
  },
  // What it was is sent back, switched off: masked secret and absent attributes included.
  async delete(provider) {
    const of = `/v1/tenants/${await provider.tenantUid()}`
    for (const path of ['/saml/config', '/oidc/config']) {
      const was = await provider.call('in context', 'GET', of + path)
      const { isSsoEnabled: _, ...others } = was
      // Go's client leaves out what is false, in one of the two.
      await provider.call(
        'in context',
        'POST',
        of + path,
        path === '/saml/config' ? others : { ...others, isSsoEnabled: false },
      )
    }
    await provider.call('in context', 'POST', `${of}/domains`, { domains: [] })
    await provider.call('in context', 'POST', `${of}/sso/auth/providers`, { isEnabled: false, ssoLogins: [''] })
  },
}

export type Macros = Readonly<Record<string, string>>

/** @param of where they are: a project, or the tenant */
export const macros = (context: 'project' | 'tenant'): Resource<Macros> => {
  const of = async (provider: Provider) =>
    context === 'project' ? `/v1/projects/${provider.projectUid}` : `/v1/tenants/${await provider.tenantUid()}`
  const via = context === 'project' ? 'in context' : 'without context'
  const listed = (values: Macros) => ({ macros: Object.entries(values).map(([name, value]) => ({ name, value })) })
  return {
    name: `spectrocloud_macros (${context})`,
    context,
    async create(provider, config) {
      const place = await of(provider)
      await provider.call(via, 'POST', `${place}/macros`, listed(config))
      return `${context}-macros`
    },
    async read(provider, _, config) {
      const found = await unlessGone(provider.call(via, 'GET', `${await of(provider)}/macros`))
      const kept = (found?.macros ?? []).filter(({ name }: { name: string }) => name in config)
      if (kept.length === 0) return undefined
      return Object.fromEntries(kept.map(({ name, value }: { name: string; value: string }) => [name, value]))
    },
    // Its own and all the others: what somebody else changes meanwhile is lost.
    async update(provider, _, from, to) {
      const place = await of(provider)
      const before = await provider.call(via, 'GET', `${place}/macros`)
      const others = before.macros.filter(({ name }: { name: string }) => !(name in from))
      await provider.call(via, 'PUT', `${place}/macros`, { macros: [...listed(to).macros, ...others] })
    },
    async delete(provider, _, config) {
      await provider.call(via, 'DELETE', `${await of(provider)}/macros`, listed(config))
    },
  }
}
