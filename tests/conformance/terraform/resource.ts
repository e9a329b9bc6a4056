import type { Context, Provider } from './provider.ts'

/**
 * A resource of the provider: what it calls to make, see, change and remove its object. `C` is its configuration, and what
 * `read` finds has the same form, so that a plan is empty where the two are equal.
 */
export type Resource<C> = {
  readonly name: string
  readonly context: Context
  /** @returns the id that goes into the state */
  create(provider: Provider, config: C): Promise<string>
  /** @returns what is there, or undefined where the object is gone */
  read(provider: Provider, id: string, config: C): Promise<C | undefined>
  update(provider: Provider, id: string, from: C, to: C): Promise<void>
  delete(provider: Provider, id: string, config: C): Promise<void>
  /** Finds the id by what a person may write on the command line instead. */
  readonly import?: (provider: Provider, name: string) => Promise<string>
  /** Settings are written back to their defaults, and are never gone. */
  readonly isSetting?: boolean
}

/** One resource of a configuration: as it is first, and as it is changed later. */
export type Row<C> = {
  readonly resource: Resource<C>
  readonly first: C
  readonly changed: C
  /** What may be imported by another word than the id. */
  readonly importAs?: string
}

// A table holds rows of many forms; each is made with `row`, where the two are held together.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyRow = Row<any>

export const row = <C>(made: Row<C>): AnyRow => made
