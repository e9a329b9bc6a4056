import type { Asked, Told } from '../../ledger/steps.ts'

export type Verdict = Extract<Told, { kind: 'done' }>
export type Progress = Extract<Told, { kind: 'progress' }>

/** Verifies in a worker of its own, which asks no server anything. */
export function verifyHere(asked: Asked, progress: (told: Progress) => void = () => {}): Promise<Verdict> {
  const worker = new Worker(new URL('../../ledger/worker.ts', import.meta.url), { type: 'module' })
  return new Promise<Verdict>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Told>) => (data.kind === 'done' ? resolve(data) : progress(data))
    worker.onerror = () => reject(new Error('The code that verifies could not be loaded'))
    worker.postMessage(asked)
  }).finally(() => worker.terminate())
}
