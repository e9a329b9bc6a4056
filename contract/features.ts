/**
 * What a system administrator may switch off for the whole installation. The uid is the same in every installation: clients keep
 * it.
 */
export const features = {
  apiKeyCreation: {
    uid: 'f0a51c7d3b9e4802a6d41e01',
    description: 'People make API keys. Off: no new ones; those that there are go on until they end or are deleted.',
  },
  auditExport: {
    uid: 'f0a51c7d3b9e4802a6d41e02',
    description: 'Auditors download their whole log. Off: it is read on its pages alone.',
  },
  directTokens: {
    uid: 'f0a51c7d3b9e4802a6d41e03',
    description: 'Clusters in token mode are reached past Palisade. Off: nobody is given a token for a cluster itself.',
  },
  oidcClients: {
    uid: 'f0a51c7d3b9e4802a6d41e04',
    description: 'Administrators register clients of the issuer. Off: no new ones; those that there are go on.',
  },
} as const satisfies Record<string, { uid: string; description: string }>

export type Feature = keyof typeof features

// Cast: the keys of an object literal are what its type says.
export const featureNames = Object.keys(features) as [Feature, ...Feature[]]
