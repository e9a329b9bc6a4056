import './globals.ts'
import type { Asked, Told } from './steps.ts'
import { verifyAsked } from './verify.ts'

// Verifies beside the page, which stays responsive however long an export is.

/** What is used of a dedicated worker's scope. */
declare const self: { onmessage: ((event: { readonly data: Asked }) => void) | null; postMessage(told: Told): void }

const everyMs = 100

self.onmessage = ({ data }) => {
  let told = 0
  verifyAsked(data, (bytes, lines) => {
    if (Date.now() - told < everyMs) return
    told = Date.now()
    self.postMessage({ kind: 'progress', bytes, lines })
  }).then(
    (done) => self.postMessage(done),
    (cause: unknown) =>
      self.postMessage({
        kind: 'done',
        ok: false,
        steps: [{ what: 'Read what is to be verified', ok: false, facts: [['Failed', String(cause)]] }],
      }),
  )
}
