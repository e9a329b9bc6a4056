import { Readable } from 'node:stream'
import type { ClientRequest } from './request-head.ts'

export type UploadProblem = 'too_large' | 'stalled' | 'client_gone'

export class UploadError extends Error {
  override readonly name = 'UploadError'
  readonly problem: UploadProblem

  constructor(problem: UploadProblem) {
    super(`upload ${problem}`)
    this.problem = problem
  }
}

export interface UploadLimits {
  /** `Infinity` for none. */
  readonly maxBytes: number
  /** Between two pieces that are waited for; 0 for none. */
  readonly stallMs: number
}

/**
 * A request's body on its way to the cluster: as fast as the cluster takes it, counted, and separable from the request.
 *
 * The HTTP client destroys the body it is given when a call fails; destroying the request itself would take away the
 * connection on which the client is to be told why.
 */
export class Upload extends Readable {
  bytes = 0
  readonly #request: ClientRequest
  readonly #limits: UploadLimits
  #attached = false
  #stall: NodeJS.Timeout | undefined

  constructor(request: ClientRequest, limits: UploadLimits) {
    super()
    this.#request = request
    this.#limits = limits
  }

  override _read(): void {
    if (!this.#attached) this.#attach()
    this.#expect()
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#stall)
    if (this.#attached) {
      this.#request.off('data', this.#onData)
      this.#request.off('end', this.#onEnd)
      this.#request.off('close', this.#onClose)
    }
    callback(error)
  }

  #attach(): void {
    this.#attached = true
    this.#request.on('data', this.#onData)
    this.#request.on('end', this.#onEnd)
    this.#request.on('close', this.#onClose)
    // An aborted request says so by 'close'; without a listener its error would be thrown.
    this.#request.on('error', () => {})
  }

  #expect(): void {
    if (this.#limits.stallMs === 0) return
    if (this.#stall === undefined) {
      this.#stall = setTimeout(() => this.destroy(new UploadError('stalled')), this.#limits.stallMs)
    } else {
      this.#stall.refresh()
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytes += chunk.length
    if (this.bytes > this.#limits.maxBytes) {
      this.destroy(new UploadError('too_large'))
      return
    }
    if (this.push(chunk)) {
      this.#stall?.refresh()
      return
    }
    // Now it is the cluster that is waited for.
    this.#request.pause()
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  readonly #onEnd = (): void => {
    clearTimeout(this.#stall)
    this.push(null)
  }

  readonly #onClose = (): void => {
    if (!this.readableEnded && !this.#request.readableEnded) this.destroy(new UploadError('client_gone'))
  }
}
