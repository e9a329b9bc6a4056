import type { z } from 'zod'
import type { Refusal } from '../../contract/errors.ts'
import type { Result } from '../../core/result.ts'

/**
 * What a change of an account leaves to be stored: `spec` openly, `secrets` sealed, by their names.
 * `none`: this kind of credential has no secret. `keep`: what is stored stays.
 */
export type WrittenSpec<Spec = unknown> = {
  readonly spec: Spec
  readonly secrets: Readonly<Record<string, string>> | 'none' | 'keep'
}

/** One kind of cloud: how the credentials of its accounts are looked at and shown. Its types are forgotten by `cloud`. */
export type Cloud = {
  /** As messages name it. */
  readonly title: string
  readonly specIn: z.ZodType
  /** What may be shown, and what is stored openly: no secret is among it. */
  readonly spec: z.ZodType
  /**
   * Whether credentials have the form that the cloud documents; the cloud itself is not asked.
   *
   * @param before what is stored: a secret that is not sent stays with what it belongs to
   */
  readonly written: (sent: unknown, before?: unknown) => Result<WrittenSpec, Refusal>
  /** Whose the credentials are, as far as they say it. */
  readonly accountIdOf: (spec: unknown) => string
}

export function cloud<In extends z.ZodType, Spec extends z.ZodType>({
  title,
  specIn,
  spec,
  written,
  accountIdOf,
}: {
  readonly title: string
  readonly specIn: In
  readonly spec: Spec
  readonly written: (sent: z.output<In>, before?: z.output<Spec>) => Result<WrittenSpec<z.output<Spec>>, Refusal>
  readonly accountIdOf: (spec: z.output<Spec>) => string
}): Cloud {
  return {
    ...{ title, specIn, spec },
    // Cast: a body was parsed by `specIn` when it comes here.
    written: (sent, before) => written(sent as z.output<In>, before === undefined ? undefined : spec.parse(before)),
    accountIdOf: (stored) => accountIdOf(spec.parse(stored)),
  }
}
