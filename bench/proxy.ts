/**
 * `npm run bench:proxy`: what the Kubernetes door costs, beside a direct call and beside Go's own reverse proxy, in the same
 * run on a real kube-apiserver. Decision, revocation and ledger are on; all three send the same impersonation headers with a
 * ServiceAccount's token. Speed is reported, not asserted; a failed request ends it with exit 1.
 *
 * `--rounds N --seconds S` for more or longer rounds, `--json` for one JSON object.
 */
import { execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createAuthority } from '../tests/support/certificates.ts'
import { freePort } from '../tests/support/ports.ts'
import { until } from '../tests/support/until.ts'
import { agentOf, measureExec, measureWatches, statusOf, type Times, type Way } from './proxy/ways.ts'
import { median, startFleet } from './support/fleet.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const say = (text: string) => process.stderr.write(`${text}\n`)
const run = promisify(execFile)

type Load = { readonly perSecond: number; readonly p50: number; readonly p99: number; readonly failed: number }

say('building the peer')
const fleet = await startFleet({ kubelet: true })
const { family, cluster, palisade, tenant, dev, clusterUid } = fleet
const peer = join(family.folder, 'peer')
await run('go', ['build', '-o', peer, '.'], { cwd: fileURLToPath(new URL('proxy/peer', import.meta.url)) })

say('preparing the cluster')
await cluster.createPod('default', 'web')
await cluster.kubectl(['create', 'configmap', 'two-kib', `--from-literal=text=${'x'.repeat(2_000)}`])
const account = await cluster.clientKubeconfig({
  name: 'peer',
  rules: [
    { verbs: ['impersonate'], apiGroups: [''], resources: ['users', 'groups'] },
    {
      verbs: ['impersonate'],
      apiGroups: ['authentication.k8s.io'],
      resources: [
        'uids',
        'userextras/palisade.dev/email',
        'userextras/palisade.dev/session',
        'userextras/palisade.dev/request',
      ],
    },
  ],
})
const identity = [
  ['Impersonate-User', `palisade:${tenant.uid}:${dev.uid}`],
  ['Impersonate-Uid', dev.uid],
  // An editor holds the lower level too.
  ['Impersonate-Group', 'palisade:level:view'],
  ['Impersonate-Group', 'palisade:level:edit'],
  ['Impersonate-Extra-palisade.dev%2Femail', 'dev@bench.test'],
  ['Impersonate-Extra-palisade.dev%2Frequest', 'f'.repeat(24)],
] as const

const clusterCa = join(family.folder, 'cluster-ca.crt')
await writeFile(clusterCa, cluster.caPem)
const goPort = await freePort()
const authority = await createAuthority('peer')
const leaf = await authority.issue({ commonName: 'localhost', dnsNames: ['localhost'], addresses: ['127.0.0.1'] })
const goFiles = {
  ca: join(family.folder, 'go-ca.crt'),
  cert: join(family.folder, 'go.crt'),
  key: join(family.folder, 'go.key'),
}
await writeFile(goFiles.ca, authority.certPem)
await writeFile(goFiles.cert, leaf.certPem)
await writeFile(goFiles.key, leaf.keyPem)
const go = spawn(peer, ['proxy'], { stdio: ['pipe', 'ignore', 'inherit'], detached: true })
family.adopt(go)
go.stdin.end(
  JSON.stringify({
    ...{ listen: `127.0.0.1:${goPort}`, certFile: goFiles.cert, keyFile: goFiles.key },
    ...{ upstream: cluster.server, caFile: clusterCa, accept: 'peer', token: account.token, identity },
  }),
)

const ways: readonly Way[] = [
  {
    ...{ name: 'direct', base: cluster.server, caFile: clusterCa, agent: agentOf(cluster.caPem) },
    headers: { authorization: `Bearer ${account.token}` },
    identity,
  },
  {
    ...{ name: 'go', base: `https://localhost:${goPort}`, caFile: goFiles.ca, agent: agentOf(authority.certPem) },
    headers: { authorization: 'Bearer peer' },
    identity: [],
  },
  {
    ...{
      name: 'palisade',
      base: `${palisade.url}/k8s/clusters/${clusterUid}`,
      caFile: palisade.caFile,
      agent: agentOf(palisade.caPem),
    },
    headers: { authorization: `Bearer ${dev.key}` },
    identity: [],
  },
]
const target = '/api/v1/namespaces/default/configmaps/two-kib'
for (const way of ways)
  await until(`${way.name} to answer`, async () =>
    (await statusOf(way, target).catch(() => 0)) === 200 ? true : undefined,
  )

function load(way: Way, connections: number, forSeconds = seconds): Promise<Load> {
  return new Promise((resolve, reject) => {
    const child = execFile(peer, ['load'], (cause, stdout) =>
      cause ? reject(cause) : resolve(JSON.parse(stdout) as Load),
    )
    child.stdin?.end(
      JSON.stringify({
        ...{ url: way.base + target, caFile: way.caFile, headers: way.headers, identity: way.identity },
        ...{ connections, seconds: forSeconds },
      }),
    )
  })
}

say('warming up')
// A server runs for weeks; its first twenty thousand requests, while it is still being compiled, say nothing of it.
const warmUpSeconds = 20
for (const way of ways) await load(way, 16, warmUpSeconds)
const results: Record<string, Record<string, Load[]>> = {}
for (const connections of [16, 1]) {
  const group = `${connections} connections`
  results[group] = Object.fromEntries(ways.map((way) => [way.name, [] as Load[]]))
  for (let round = 0; round < rounds; round++)
    // Another order each round: whoever goes first finds a cooler machine.
    for (const way of ways.map((_, i) => ways[(i + round) % ways.length] as Way)) {
      const one = await load(way, connections)
      say(
        `${group}, round ${round + 1}, ${way.name}: ${one.perSecond.toFixed(0)}/s p50 ${one.p50} ms p99 ${one.p99} ms`,
      )
      results[group]?.[way.name]?.push(one)
    }
}

say('watches and exec streams')
const watchPath =
  '/api/v1/namespaces/default/configmaps?watch=true&fieldSelector=metadata.name%3Dtwo-kib&resourceVersion=0'
const execPath = '/api/v1/namespaces/default/pods/web/exec?container=main&command=cat&stdin=true&stdout=true'
const streams: Record<string, { watch: Times; exec: Times }> = {}
for (const way of ways) {
  const change = (n: number) => cluster.api('PATCH', target, { metadata: { labels: { change: `${way.name}-${n}` } } })
  streams[way.name] = {
    watch: await measureWatches(way, watchPath, 100, 30, change),
    exec: await measureExec(way, execPath, 300),
  }
}
await fleet.stop()

const failed = Object.values(results)
  .flatMap((group) => Object.values(group).flat())
  .reduce((sum, one) => sum + one.failed, 0)
if (values.json) console.log(JSON.stringify({ node: process.version, results, streams, failed }, undefined, 2))
else print()
process.exit(failed > 0 ? 1 : 0)

function print(): void {
  for (const [group, byWay] of Object.entries(results)) {
    console.log(`\nGET of a ConfigMap of 2 kB, ${group} (medians of ${rounds} rounds of ${seconds} s)`)
    const middle = (way: string, what: 'perSecond' | 'p50' | 'p99') =>
      median((byWay[way] ?? []).map((one) => one[what]))
    // Ratios round by round: what else the machine does moves all three of a round together.
    const ratio = (way: string, to: string) =>
      median((byWay[way] ?? []).map((one, i) => one.perSecond / (byWay[to]?.[i]?.perSecond ?? Number.NaN)))
    for (const way of Object.keys(byWay))
      console.log(
        `  ${way.padEnd(9)} ${middle(way, 'perSecond').toFixed(0).padStart(6)}/s   p50 ${middle(way, 'p50').toFixed(2)} ms   p99 ${middle(way, 'p99').toFixed(2)} ms   ${ratio(way, 'direct').toFixed(2)} × direct   ${ratio(way, 'go').toFixed(2)} × Go`,
      )
    const above = median((byWay.palisade ?? []).map((one, i) => one.p50 - (byWay.go?.[i]?.p50 ?? Number.NaN)))
    console.log(`  p50 above Go: ${above.toFixed(2)} ms`)
  }
  console.log('\n100 watches, from a change to each line; exec, 1 KiB there and back')
  for (const [way, { watch, exec }] of Object.entries(streams))
    console.log(
      `  ${way.padEnd(9)} watch p50 ${watch.p50.toFixed(1)} ms, p99 ${watch.p99.toFixed(1)} ms   exec p50 ${exec.p50.toFixed(2)} ms, p99 ${exec.p99.toFixed(2)} ms`,
    )
  if (failed > 0) console.log(`\n${failed} requests failed`)
}
