import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { predefinedRole } from '../../contract/roles.ts'
import { type Cluster, clusterSkipReason, startCluster } from '../cluster/cluster.ts'
import { createTenant, createUser, goodPassword, startPalisade } from '../support/palisade.ts'

// `npm run demo`: everything the README tells about, made ready on this machine, with the commands to paste.

const say = (text = '') => process.stdout.write(`${text}\n`)
const step = (text: string) => say(`  ${text} …`)

say('Palisade demo: a server, a real Kubernetes API server and two people, all on this machine.')
step('starting Palisade')
const palisade = await startPalisade({ name: 'demo' })
step('making the tenant "acme" with its administrator')
const acme = await createTenant(palisade, 'acme')
const payments = (await acme.admin.must('POST', '/v1/projects', { body: { metadata: { name: 'payments' } } })).uid
step('making the developer "dev" in the team "devs", which is Cluster Viewer in the project "payments"')
const dev = await createUser(palisade, acme, 'dev')
const team = (
  await acme.admin.must('POST', '/v1/teams', { body: { metadata: { name: 'devs' }, spec: { users: [dev.uid] } } })
).uid
const roles = (...names: ('Cluster Viewer' | 'Cluster Editor')[]) =>
  JSON.stringify({
    projects: names.map((name) => ({ projectUid: payments, roles: [predefinedRole(name).uid] })),
  })
await acme.admin.must('PUT', `/v1/teams/${team}/projects`, { body: roles('Cluster Viewer') })

const folder = await mkdtemp(join(tmpdir(), 'palisade-demo-'))
await chmod(folder, 0o700)
const key = (await acme.admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'demo' }, spec: {} } })).apiKey
const keyFile = join(folder, 'admin.key')
await writeFile(keyFile, `ApiKey: ${key}\n`, { mode: 0o600 })

let cluster: Cluster | undefined
const missing = await clusterSkipReason()
if (missing) {
  say()
  say(`There is no Kubernetes API server to import: ${missing}`)
} else {
  step('starting a Kubernetes API server with one node and importing it')
  cluster = await startCluster({ name: 'east' })
  await cluster.createPod('default', 'web')
  const { uid } = await acme.admin.must('POST', '/v1/palisade/clusters', {
    project: payments,
    body: { metadata: { name: 'east' }, spec: { kubeconfig: cluster.adminKubeconfigText } },
  })
  const devKey = (await dev.api.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'demo' }, spec: {} } })).apiKey
  const kubeconfig = join(folder, 'dev.kubeconfig')
  const text = (await dev.api.call('GET', `/v1/spectroclusters/${uid}/assets/kubeconfig`)).text
  // The issued token lasts 15 minutes; an API key lets the demo stay open for longer.
  await writeFile(kubeconfig, text.replace(/token: \S+/, `token: ${devKey}`), { mode: 0o600 })
  const kubectl = `${cluster.tools.kubectl} --kubeconfig ${kubeconfig}`
  say()
  say('As the developer:')
  say(`  ${kubectl} get pods -A -w`)
  say(`  ${kubectl} exec -it web -- sh          # refused: says which permission is missing, and where`)
}

const curl = `curl -s --cacert ${palisade.caFile} -H @${keyFile}`
say()
say('As the administrator of the tenant:')
if (cluster) {
  say(
    `  ${curl} -X PUT ${palisade.url}/v1/teams/${team}/projects -H 'content-type: application/json' -d '${roles('Cluster Editor')}'`,
  )
  say('      makes the team Cluster Editor: now exec works')
  say(`  ${curl} -X PUT ${palisade.url}/v1/teams/${team}/projects -H 'content-type: application/json' -d '${roles()}'`)
  say('      takes the role away: the watch and the exec end within a second')
}
say(`  ${curl} '${palisade.url}/v1/audits?limit=5'`)
say(`  ${curl} ${palisade.url}/v1/palisade/audit/export > audit.jsonl`)
say(`  npx palisade audit verify audit.jsonl --key "$(${curl} ${palisade.url}/v1/palisade/audit/key)"`)
say()
say(`Sign-in of both people: admin@acme.test and dev@acme.test, password ${goodPassword}`)
say(`System administrator: ${palisade.administrator.email}, password ${palisade.administrator.password}`)
say('Ctrl-C ends the demo and removes everything it made.')

// A timer keeps the process here: the programs it started do not.
const hold = setInterval(() => undefined, 60_000)
await new Promise<void>((resolve) => {
  // `on`: a second Ctrl-C must not cut off the tidying up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve())
})
clearInterval(hold)
step('stopping')
await Promise.all([palisade.stop(), cluster?.stop()])
await rm(folder, { recursive: true })
