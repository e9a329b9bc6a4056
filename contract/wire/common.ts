import { z } from 'zod'
import { err, ok, type Result } from '../../core/result.ts'

/**
 * Shapes that all of `/v1` shares (Palette's objects are `{metadata, spec, status}`). What comes in is wider than what we
 * model: the Go client writes nil slices and maps as `null` and always sends zero times; unknown members are dropped.
 */

/** An array that may also be `null` or absent; both mean empty. */
export const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((list) => list ?? [])

/** Text that PostgreSQL can keep: it has no room for NUL, and JSON columns none for half a surrogate pair. */
export const storableText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => !text.includes('\0') && text.isWellFormed(), 'has characters that are no text')

const someStringMap = z
  .record(storableText(256), storableText(4096).nullish())
  .transform(
    (map): Record<string, string> => Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value ?? ''])),
  )

/** A string map that may also be `null` or absent; both mean empty. */
export const stringMap = someStringMap.nullish().transform((map) => map ?? {})

/** The same where absent and `null` mean "leave as it is". */
export const stringMapIfGiven = someStringMap.nullish()

/** A string that may be `null` or absent; both mean empty. */
export const optionalText = (max: number) =>
  storableText(max)
    .nullish()
    .transform((text) => text ?? '')

/** A boolean that may be `null` or absent; both mean false, for Go's client leaves a member out whose value is false. */
export const optionalFlag = z
  .boolean()
  .nullish()
  .transform((flag) => flag ?? false)

const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/u
/** A letter, digit, sign or symbol. The blank pattern of Braille is a symbol by its class, and looks like a space. */
const seen = /[[\p{L}\p{N}\p{P}\p{S}]--[\u2800]]/v

/**
 * A name as people write it: NFC, something to be seen, no control or invisible characters, no white space around, 1 to `max`
 * characters (threat D03).
 */
export const displayName = (max: number) =>
  z
    .string()
    .transform((text) => text.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .min(1, 'must not be empty')
        .max(max)
        .refine((text) => !unseen.test(text), 'has control or invisible characters')
        .refine((text) => seen.test(text), 'has nothing that can be seen'),
    )

/**
 * The form under which two names are one name: NFKC, without regard to case ("ß" is "ss", a final sigma a sigma) and to how many
 * spaces stand between words.
 */
export const nameKey = (name: string): string =>
  name.normalize('NFKC').toUpperCase().toLowerCase().replaceAll('ς', 'σ').normalize('NFKC').replaceAll(/\s+/gu, ' ')

/** `metadata` of a create or update. */
export const metadataIn = z.object({ name: displayName(128), labels: stringMap, annotations: stringMap })

/** RFC 3339 in UTC with milliseconds, as every time on the wire. */
export const time = z.iso.datetime({ precision: 3 })
export const wireTime = (date: Date | null | undefined): string => (date ? timeText(date) : '0001-01-01T00:00:00.000Z')

/** RFC 3339 has years of four digits; an offset can carry what is written so into the year 10000, in UTC. */
const lastTime = Date.parse('9999-12-31T23:59:59.999Z')
/** A time as answers have it. One past all that can be written, as older releases stored it, is the last that can. */
export const timeText = (date: Date): string => new Date(Math.min(date.getTime(), lastTime)).toISOString()

/** RFC 3339 with any offset, as requests have it: a time that answers can show. */
export const givenTime = z.iso
  .datetime({ offset: true })
  .refine((text) => !(Date.parse(text) > lastTime), 'must be before the year 10000 in UTC')

/** A time; Go's zero time, `null` and nothing all mean "none". */
export const timeIn = givenTime.nullish().transform((text) => {
  const date = new Date(text ?? 0)
  return date.getTime() > 0 ? date : undefined
})

/** `metadata` of an answer. */
export const metadataOut = z.object({
  name: z.string(),
  uid: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  creationTimestamp: time,
  lastModifiedTimestamp: time,
  deletionTimestamp: time,
})

export const uidReply = z.object({ uid: z.string() })
export const uidAndName = z.object({ uid: z.string(), name: z.string() })
export const uidPath = z.object({ uid: z.string().min(1).max(128) })

export const listMeta = z.object({
  continue: z.string(),
  count: z.int(),
  limit: z.int(),
  offset: z.int(),
})

/** A whole number as a query has it: digits and nothing else, for `1e3` and ` 7` are no numbers there (threat G02). */
export const numberInQuery = (min: number, max: number) =>
  z.preprocess(
    (given) => (typeof given === 'string' && /^\d{1,15}$/.test(given) ? Number(given) : given),
    z.int().min(min).max(max),
  )

/**
 * Paging parameters: `limit` (default 50, most 50; 0 means everything, as the Go helpers send it), `offset`, `continue`
 * (which wins over `offset`).
 */
export const pageQuery = z.object({
  limit: numberInQuery(0, 10_000).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
  continue: z.string().max(512).optional(),
})
export type Page = {
  readonly limit: number
  readonly offset: number
  /** Of `continue`, where the list put one in: what its own words for the place are. */
  readonly token?: string
}

/** Where a page begins and how long it may be; `limit` 0 becomes `all`, more than 50 becomes 50. */
export function pageOf(query: z.output<typeof pageQuery>, all = 10_000): Result<Page, string> {
  const limit = query.limit === 0 ? all : Math.min(query.limit, 50)
  if (query.continue === undefined || query.continue === '') return ok({ limit, offset: query.offset })
  const parsed = continueToken.safeParse(decodeContinue(query.continue))
  if (!parsed.success) return err('continue is not a token of this list')
  const { offset, token } = parsed.data
  return ok({ limit, offset, ...(token === '' ? {} : { token }) })
}

/** `listmeta` of a page: `continue` is base64 of `{"offset","count","token"}`, empty on the last page. */
export function listMetaOf(page: Page, returned: number, count: number): z.output<typeof listMeta> {
  const more = page.offset + returned < count && returned > 0
  return listMetaWith(page, { returned, count, token: more ? '' : undefined })
}

/** The same of a list that has words of its own for where the next page begins, and none on the last page. */
export function listMetaWith(
  { limit, offset }: Page,
  { returned, count, token }: { readonly returned: number; readonly count: number; readonly token: string | undefined },
): z.output<typeof listMeta> {
  const next = token === undefined ? '' : JSON.stringify({ offset: offset + returned, count, token })
  return { continue: Buffer.from(next).toString('base64'), count, limit, offset }
}

const continueToken = z.object({ offset: z.int().min(0), count: z.int().min(0), token: z.string() })

function decodeContinue(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  } catch {
    return undefined
  }
}
