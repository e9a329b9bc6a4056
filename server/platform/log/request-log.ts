import type { Logger } from './log.ts'

/**
 * The log of one request: its lines carry the request, and who calls once that is known. The logger behind it is made when the
 * first line is written, since most requests write none.
 */
export class RequestLog {
  readonly request: string
  readonly #parent: Logger
  #fields: Readonly<Record<string, string>>
  #lines: Logger | undefined

  constructor(parent: Logger, request: string) {
    this.#parent = parent
    this.request = request
    this.#fields = { request }
  }

  /** Whose request it is, as identifiers: tenant, user, session. */
  knows(who: Readonly<Record<string, string>>): void {
    this.#fields = { ...this.#fields, ...who }
    this.#lines = undefined
  }

  lines(): Logger {
    this.#lines ??= this.#parent.child(this.#fields)
    return this.#lines
  }
}
