import { z } from 'zod'
import { optionalText } from './common.ts'

/** Macros: values that are put in the place of `{{.spectro.macro.NAME}}`. */

const name = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be 1 to 128 letters, digits, dots, dashes and underscores')

const macrosOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    macros: z
      .array(item)
      .max(1_000)
      .nullish()
      .transform((macros) => macros ?? []),
  })

export const macrosIn = macrosOf(z.object({ name, value: optionalText(4_096) }))

/** What is to be deleted goes by its name; clients send the values too. */
export const macroNamesIn = macrosOf(z.object({ name }))

export const macros = z.object({ macros: z.array(z.object({ name: z.string(), value: z.string() })) })

export const projectPath = z.object({ uid: z.string().min(1).max(128) })
export const tenantPath = z.object({ tenantUid: z.string().min(1).max(128) })
