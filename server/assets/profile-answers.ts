import type { z } from 'zod'
import type * as wire from '../../contract/wire/cluster-profiles.ts'
import { currentPacks, digestOf, type Pack, type ProfileContent, usesMacros } from './profile-content.ts'
import type { Profile } from './profile-store.ts'
import { metadataAnswer, type Seeing } from './scope.ts'

/** Cluster profiles as `/v1` shows them. */

type Versions = readonly { readonly uid: string; readonly version: string }[]

export function profileAnswer(
  profile: Profile,
  content: ProfileContent,
  { seeing, versions }: { readonly seeing: Seeing; readonly versions: Versions },
): z.input<typeof wire.profile> {
  const { draft, published } = content
  return {
    apiVersion: 'v1',
    kind: 'ClusterProfile',
    metadata: metadataAnswer('clusterProfile', profile, seeing),
    spec: {
      version: profile.version,
      versions: [...versions],
      ...(draft ? { draft: templateAnswer(profile, draft) } : {}),
      published: templateAnswer(profile, published ?? []),
    },
    status: {
      isPublished: published !== null,
      hasUserMacros: usesMacros(currentPacks(content)),
      inUseClusters: [],
      ...nowhereInUse,
    },
  }
}

export function summaryAnswer(
  profile: Profile,
  { seeing, versions }: { readonly seeing: Seeing; readonly versions: Versions },
): z.input<typeof wire.profileSummary> {
  const { draft, published } = profile.outline
  const template = (packs: NonNullable<typeof draft>) => ({
    cloudType: profile.cloudType,
    type: profile.type,
    packs: packs.map(packAnswer),
  })
  return {
    metadata: metadataAnswer('clusterProfile', profile, seeing),
    specSummary: {
      version: profile.version,
      versions: [...versions],
      ...(draft ? { draft: template(draft) } : {}),
      published: template(published ?? []),
    },
    status: { isPublished: published !== null, fips: { mode: 'unknown' }, inUseClusters: [], ...nowhereInUse },
  }
}

/** The manifests of a pack, draft and published side by side; undefined where no pack has the name. */
export function manifestsAnswer(
  profile: Profile,
  { draft, published }: ProfileContent,
  { packName, seeing }: { readonly packName: string; readonly seeing: Seeing },
): z.input<typeof wire.manifests> | undefined {
  const of = (packs: readonly Pack[] | null) => packs?.find(({ name }) => name === packName)
  const packs = { draft: of(draft), published: of(published) }
  if (!packs.draft && !packs.published) return undefined
  // What a draft leaves out is published until the draft is.
  const all = new Map(
    [...(packs.published?.manifests ?? []), ...(packs.draft?.manifests ?? [])].map((one) => [one.uid, one]),
  )
  const metadata = metadataAnswer('clusterProfile', profile, seeing)
  return {
    items: [...all.values()].map(({ uid, name }) => {
      const [drafted, current] = [packs.draft, packs.published].map(
        (pack) => pack?.manifests.find((one) => one.uid === uid)?.content,
      )
      return {
        metadata: { ...metadata, uid, name, labels: {} },
        spec: {
          ...(drafted === undefined ? {} : { draft: contentAnswer(drafted) }),
          published: current === undefined ? { content: '', digest: '' } : contentAnswer(current),
        },
      }
    }),
  }
}

const contentAnswer = (content: string) => ({ content, digest: digestOf(content) })

const nowhereInUse = { inUseClusterUids: [], inUseClusterTemplates: [] }

const templateAnswer = ({ uid, name, cloudType, type, version }: Profile, packs: readonly Pack[]) => ({
  ...{ uid, name, cloudType, type, profileVersion: version },
  packs: packs.map((pack) => ({
    ...packAnswer(pack),
    registryUid: pack.registryUid,
    values: pack.values,
    manifests: pack.manifests.map((one) => ({ kind: 'manifest' as const, uid: one.uid, name: one.name })),
  })),
})

const packAnswer = ({ name, layer, tag, type, uid }: Pick<Pack, 'name' | 'layer' | 'tag' | 'type' | 'uid'>) => ({
  ...{ name, layer, tag, type },
  version: tag,
  packUid: uid,
})
