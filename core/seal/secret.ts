/**
 * A value that does not show itself: printed, logged, put into a text or into JSON it is `[secret]`. It says nothing to
 * whoever holds the object and calls `reveal`: that call is what a reviewer looks for.
 */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  // What console.log and util.inspect call.
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}
