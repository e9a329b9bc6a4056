import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { type ManifestIn, type PackIn, packLayers, packTypes } from '../../contract/wire/cluster-profiles.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { newUid } from '../platform/random/index.ts'
import { type Variable, variable } from './profile-variables.ts'

/** What a profile holds. It is stored sealed and whole; nothing else in Palisade acts on it. */

const manifest = z.object({ uid: z.string(), name: z.string(), content: z.string() })
const pack = z.object({
  name: z.string(),
  layer: z.enum(packLayers),
  tag: z.string(),
  type: z.enum(packTypes),
  uid: z.string(),
  registryUid: z.string(),
  values: z.string(),
  manifests: z.array(manifest),
})
export type Manifest = z.output<typeof manifest>
export type Pack = z.output<typeof pack>

const packOutline = pack.pick({ name: true, layer: true, tag: true, type: true, uid: true })

/** `draft`: what the next publication makes `published`; null where that would change nothing. */
export const profileContent = z.object({
  draft: z.array(pack).nullable(),
  published: z.array(pack).nullable(),
  variables: z.array(variable),
})
export type ProfileContent = {
  readonly draft: readonly Pack[] | null
  readonly published: readonly Pack[] | null
  readonly variables: readonly Variable[]
}

/** What is stored openly of the packs, for lists. */
export const profileOutline = z.object({
  draft: z.array(packOutline).nullable(),
  published: z.array(packOutline).nullable(),
})
export type ProfileOutline = z.output<typeof profileOutline>

export const outlineOf = ({ draft, published }: ProfileContent): ProfileOutline =>
  profileOutline.parse({ draft, published })

/** The packs that a change starts from. */
export const currentPacks = ({ draft, published }: ProfileContent): readonly Pack[] => draft ?? published ?? []

/**
 * Packs as they were written. A pack is found by its name, a manifest in it by its uid or name: what is there keeps its uid, and
 * its content where none is sent.
 *
 * @param before the packs that are replaced
 */
export function writtenPacks(packs: readonly PackIn[], before: readonly Pack[]): Result<readonly Pack[], Refusal> {
  const twice = repeated(packs)
  if (twice !== undefined) return err(refuse('invalid', `spec.template.packs: "${twice}" stands twice`))
  if (packs.length > maxPacks) return err(refuse('invalid', `spec.template.packs: are more than ${maxPacks}`))
  const written: Pack[] = []
  for (const one of packs) {
    const had = before.find(({ name }) => name === one.name)?.manifests ?? []
    const manifests = one.manifests.map((manifest) => writtenManifest(manifest, had))
    const again = repeated(manifests)
    if (again !== undefined)
      return err(refuse('invalid', `spec.template.packs: the manifest "${again}" of ${one.name} stands twice`))
    if (manifests.length > maxManifests)
      return err(refuse('invalid', `spec.template.packs: ${one.name} has more than ${maxManifests} manifests`))
    written.push({ ...one, manifests })
  }
  return ok(written)
}

/** Adds a manifest to one of the packs; answers its uid beside the packs. */
export function withManifest(
  packs: readonly Pack[],
  packName: string,
  added: ManifestIn,
): Result<{ readonly packs: readonly Pack[]; readonly uid: string }, Refusal> {
  const into = packs.find(({ name }) => name === packName)
  if (!into) return err(refuse('not_found'))
  if (into.manifests.some(({ name }) => name === added.name))
    return err(refuse('invalid', `name: ${packName} has a manifest of this name`))
  if (into.manifests.length >= maxManifests)
    return err(refuse('invalid', `${packName} has ${maxManifests} manifests, and room for no more`))
  const manifest = writtenManifest(added, [])
  const after = { ...into, manifests: [...into.manifests, manifest] }
  return ok({ packs: packs.map((one) => (one === into ? after : one)), uid: manifest.uid })
}

/** Refuses what is larger than one profile may be, draft and published packs each, and variables. */
export function fits(content: ProfileContent): Result<undefined, Refusal> {
  for (const part of [content.draft, content.published, content.variables])
    if (Buffer.byteLength(JSON.stringify(part), 'utf8') > maxPartBytes)
      return err(refuse('invalid', `Packs and manifests of a profile are at most ${maxPartBytes} bytes together`))
  return ok(undefined)
}

/** Whether a pack's values use a macro that somebody has to set. */
export const usesMacros = (packs: readonly Pack[]): boolean =>
  packs.some(({ values }) => /\{\{\s*\.spectro\.macro\.[\w.-]+\s*\}\}/.test(values))

export const digestOf = (content: string): string => createHash('sha256').update(content, 'utf8').digest('hex')

const maxPacks = 100
const maxManifests = 100
const maxPartBytes = 1024 * 1024

function writtenManifest({ name, uid, content }: ManifestIn, had: readonly Manifest[]): Manifest {
  const before = had.find((one) => one.uid === uid) ?? had.find((one) => one.name === name)
  return { uid: before?.uid ?? newUid(), name, content: content ?? before?.content ?? '' }
}

function repeated(named: readonly { readonly name: string }[]): string | undefined {
  const seen = new Set<string>()
  return named.find(({ name }) => seen.size === seen.add(name).size)?.name
}
