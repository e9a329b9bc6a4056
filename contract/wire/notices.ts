import { z } from 'zod'
import { optionalFlag, optionalText } from './common.ts'

/** What people read before they sign in. */

/** Text alone, in lines: no page makes markup of it (threat G08), and no terminal colours. */
const plainText = (max: number) =>
  optionalText(max).refine(
    (text) => !/[^\P{Cc}\n\r\t]|[\u202a-\u202e\u2066-\u2069]/u.test(text),
    'has control characters; it is plain text',
  )

/** `v1LoginBannerSettings`; the capital letter is the published API's. */
export const loginBannerIn = z.object({
  isEnabled: optionalFlag,
  title: plainText(256),
  Message: plainText(1300),
})
export const loginBanner = z.object({ isEnabled: z.boolean(), title: z.string(), Message: z.string() })

/** The one member of a classification that is shown; others are kept for whoever wrote them. */
const shownClassification = z.looseObject({ text: plainText(200) })

/** The text of a classification; undefined where there is none to show, and an error where it is no such object. */
export function classificationText(config: string): { readonly text: string | undefined } | 'unreadable' {
  if (config === '') return { text: undefined }
  try {
    const parsed = shownClassification.safeParse(JSON.parse(config))
    return parsed.success ? { text: parsed.data.text.trim() || undefined } : 'unreadable'
  } catch {
    return 'unreadable'
  }
}

/** `v1ClassificationBanner`: JSON within JSON. */
export const classificationBannerIn = z.object({
  config: optionalText(4096).refine(
    (config) => classificationText(config) !== 'unreadable',
    'must be the JSON of an object, whose text is plain and of at most 200 characters',
  ),
})
export const classificationBanner = z.object({ config: z.string() })
