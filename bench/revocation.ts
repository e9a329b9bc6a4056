/**
 * `npm run bench:revocation`: how long a right that was taken away still works. Two replicas on one database; the change is
 * made on the first, the caller is on both. Times begin when the change is *sent*, so they hold the change itself too.
 *
 * `--trials N`, `--json`. Speed is reported, not asserted; a stream that does not end within 10 s ends it with exit 1.
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { startPalisade } from '../tests/support/palisade.ts'
import { freePort } from '../tests/support/ports.ts'
import { startPostgres } from '../tests/support/postgres15.ts'
import { createProcessFamily } from '../tests/support/processes.ts'
import { until } from '../tests/support/until.ts'
import { agentOf } from './proxy/ways.ts'
import { quantile, startFleet } from './support/fleet.ts'

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '200' }, json: { type: 'boolean', default: false } },
})
const trials = Number(values.trials)
const limitMs = 10_000

const postgres = await startPostgres()
const shared = await createProcessFamily('bench-replicas')
const rootKeyFile = join(shared.folder, 'root.key')
await writeFile(rootKeyFile, randomBytes(32).toString('base64'), { mode: 0o600 })
const env = { PALISADE_DATABASE_URL: postgres.ownerUrl, PALISADE_ROOT_KEY_FILE: rootKeyFile }
const port = await freePort()
const fleet = await startFleet({ kubelet: false, env: { ...env, PALISADE_PORT: String(port) } })
const { palisade: first, clusterUid, dev, giveDev } = fleet
// The second replica is another process on another port; clients of an installation see one name, which tokens carry.
const second = await startPalisade({ name: 'second', env: { ...env, PALISADE_PUBLIC_URL: first.url } })

const headers = { authorization: `Bearer ${dev.key}` }
const doors = [first, second].map((replica) => ({
  base: `${replica.url}/k8s/clusters/${clusterUid}`,
  agent: agentOf(replica.caPem),
}))
type Door = (typeof doors)[number]

async function statusOf({ base, agent }: Door): Promise<number> {
  const { statusCode, body } = await request(`${base}/api/v1/namespaces/default/configmaps?limit=1`, {
    ...{ dispatcher: agent, headers },
  })
  await body.dump()
  return statusCode
}

/** Opens a watch; resolves once it has begun. `ended`: the time of its end. */
async function openWatch({ base, agent }: Door): Promise<{ readonly ended: Promise<number> }> {
  const { statusCode, body } = await request(`${base}/api/v1/namespaces/default/configmaps?watch=true`, {
    ...{ dispatcher: agent, headers },
  })
  if (statusCode !== 200) throw new Error(`a watch was answered ${statusCode}`)
  const ended = new Promise<number>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`a stream at ${base} was still open after ${limitMs} ms`)), limitMs)
    body.on('close', () => {
      clearTimeout(late)
      resolve(performance.now())
    })
    body.on('error', () => undefined) // how a stream is cut is its own affair
  })
  body.resume()
  return { ended }
}

/** When the door first refuses; it is asked again and again from now on. */
async function firstRefusal(door: Door): Promise<number> {
  for (const end = performance.now() + limitMs; performance.now() < end; ) {
    const status = await statusOf(door)
    if (status === 403) return performance.now()
    if (status !== 200) throw new Error(`a read was answered ${status}`)
  }
  throw new Error(`a right still worked after ${limitMs} ms`)
}

const times = { streamHere: [], streamThere: [], refusalHere: [], refusalThere: [] } as Record<string, number[]>
for (let trial = 0; trial < trials; trial++) {
  await giveDev('Cluster Viewer')
  for (const door of doors)
    await until('the right', async () => ((await statusOf(door)) === 200 ? true : undefined), { everyMs: 2 })
  const [here, there] = doors as [Door, Door]
  const watches = [await openWatch(here), await openWatch(there)] as const
  const from = performance.now()
  const [, ...at] = await Promise.all([
    giveDev(),
    ...watches.map((watch) => watch.ended),
    firstRefusal(here),
    firstRefusal(there),
  ])
  for (const [i, name] of ['streamHere', 'streamThere', 'refusalHere', 'refusalThere'].entries())
    times[name]?.push((at[i] ?? Number.NaN) - from)
}

const summary = Object.fromEntries(
  Object.entries(times).map(([name, all]) => [
    name,
    { p50: quantile(all, 0.5), p99: quantile(all, 0.99), max: Math.max(...all) },
  ]),
)
await second.stop()
await fleet.stop()
await postgres.stop()
await shared.stop()
if (values.json) console.log(JSON.stringify({ trials, ...summary }, undefined, 2))
else {
  const words: Record<string, string> = {
    streamHere: 'open watch ends, same replica',
    streamThere: 'open watch ends, other replica',
    refusalHere: 'first refusal, same replica',
    refusalThere: 'first refusal, other replica',
  }
  console.log(`${trials} trials; milliseconds from sending the change`)
  for (const [name, { p50, p99, max }] of Object.entries(summary))
    console.log(
      `  ${(words[name] ?? name).padEnd(32)} p50 ${p50.toFixed(0)}   p99 ${p99.toFixed(0)}   max ${max.toFixed(0)}`,
    )
}
process.exit(0)
