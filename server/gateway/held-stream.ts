/** An answer in pieces, and the way to end it from outside. */
export type HeldStream = {
  readonly body: AsyncIterable<string | Buffer>
  /** Breaks the answer off: no further piece is asked for or given, and the reader learns that it is not whole. */
  end(reason: string): void
}

/**
 * Lets an answer be ended while it is being given, also while its source is asked for the next piece.
 *
 * @param over called once, however it ends
 */
export function holdStream(source: AsyncIterable<string | Buffer>, over: () => void): HeldStream {
  const iterator = source[Symbol.asyncIterator]()
  const broken = Promise.withResolvers<never>()
  // Heard only while a piece is being asked for; otherwise the next question finds it.
  broken.promise.catch(() => undefined)
  let failure: Error | undefined
  let isOver = false
  const finish = () => {
    if (isOver) return
    isOver = true
    over()
  }
  const held: AsyncIterator<string | Buffer, undefined> = {
    async next() {
      try {
        if (failure) throw failure
        const piece = await Promise.race([iterator.next(), broken.promise])
        if (!piece.done) return piece
        finish()
        return { done: true, value: undefined }
      } catch (cause) {
        finish()
        // What it was doing may take its time; nobody waits for that.
        void Promise.resolve(iterator.return?.()).catch(() => undefined)
        throw cause
      }
    },
    async return() {
      finish()
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
  return {
    body: { [Symbol.asyncIterator]: () => held },
    end(reason) {
      failure = new Error(`access has ended: ${reason}`)
      broken.reject(failure)
    },
  }
}
