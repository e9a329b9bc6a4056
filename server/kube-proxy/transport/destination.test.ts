import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  createDestinationPolicy,
  type DestinationRefusal,
  type DestinationSettings,
  parseRanges,
  type ResolvedAddress,
} from './destination.ts'

const plain: DestinationSettings = { ownListeners: () => [], allowLoopback: false, allowedRanges: [] }

const judged: readonly { host: string; verdict: 'allowed' | DestinationRefusal['code'] }[] = [
  { host: '10.1.2.3', verdict: 'allowed' },
  { host: '192.168.0.10', verdict: 'allowed' },
  { host: '100.64.0.1', verdict: 'allowed' },
  { host: '8.8.8.8', verdict: 'allowed' },
  { host: '2600:1f18::1', verdict: 'allowed' },
  { host: 'fd12:3456::1', verdict: 'allowed' },
  { host: '169.254.169.254', verdict: 'forbidden_address' },
  { host: '169.254.0.1', verdict: 'forbidden_address' },
  { host: '::ffff:169.254.169.254', verdict: 'forbidden_address' },
  { host: '::ffff:a9fe:a9fe', verdict: 'forbidden_address' },
  { host: '64:ff9b::a9fe:a9fe', verdict: 'forbidden_address' },
  { host: '64:ff9b::808:808', verdict: 'allowed' },
  { host: 'fd00:ec2::254', verdict: 'forbidden_address' },
  { host: 'fd00:0ec2:0:0:0:0:0:254', verdict: 'forbidden_address' },
  { host: 'fd20:ce::254', verdict: 'forbidden_address' },
  { host: '100.100.100.200', verdict: 'forbidden_address' },
  { host: '168.63.129.16', verdict: 'forbidden_address' },
  { host: '192.0.0.192', verdict: 'forbidden_address' },
  { host: 'fe80::1', verdict: 'forbidden_address' },
  { host: '0.0.0.0', verdict: 'forbidden_address' },
  { host: '0.1.2.3', verdict: 'forbidden_address' },
  { host: '::', verdict: 'forbidden_address' },
  { host: '224.0.0.1', verdict: 'forbidden_address' },
  { host: 'ff02::1', verdict: 'forbidden_address' },
  { host: '255.255.255.255', verdict: 'forbidden_address' },
  { host: '240.0.0.1', verdict: 'forbidden_address' },
  { host: '2002:7f00:1::', verdict: 'forbidden_address' },
  { host: '2001:0:1::1', verdict: 'forbidden_address' },
  { host: '::7f00:1', verdict: 'forbidden_address' },
  { host: '127.0.0.1', verdict: 'loopback' },
  { host: '127.8.9.10', verdict: 'loopback' },
  { host: '::1', verdict: 'loopback' },
  { host: '::ffff:127.0.0.1', verdict: 'loopback' },
  { host: 'fe80::1%eth0', verdict: 'not_a_host' },
  { host: '', verdict: 'not_a_host' },
  { host: 'a b', verdict: 'not_a_host' },
  { host: 'http://x', verdict: 'not_a_host' },
  { host: '[::1]', verdict: 'not_a_host' },
  { host: 'user@host', verdict: 'not_a_host' },
  { host: '-x', verdict: 'not_a_host' },
]
for (const { host, verdict } of judged) {
  test(`${host || 'an empty host'}: ${verdict}`, async () => assert.equal(await verdictOn(plain, host), verdict))
}

test('a name is judged by what it resolves to, every time anew', async () => {
  const answers = [['10.0.0.1'], ['169.254.169.254'], ['127.0.0.1'], []]
  const settings = { ...plain, lookup: async () => answers.shift()!.map(resolved) }
  assert.equal(await verdictOn(settings, 'cluster.example.com'), 'allowed')
  assert.equal(await verdictOn(settings, 'cluster.example.com'), 'forbidden_address')
  assert.equal(await verdictOn(settings, 'cluster.example.com'), 'loopback')
  assert.equal(await verdictOn(settings, 'cluster.example.com'), 'unresolved')
})

test('of several addresses only the allowed ones are left', async () => {
  const lookup = async () => ['127.0.0.1', '10.0.0.1', 'fe80::1', 'fd12::1'].map(resolved)
  const result = await createDestinationPolicy({ ...plain, lookup }).check('cluster.example.com', 6443)
  assert.ok(result.ok)
  assert.deepEqual(result.value.addresses, [
    { address: '10.0.0.1', family: 4 },
    { address: 'fd12::1', family: 6 },
  ])
})

for (const host of ['2130706433', '0x7f000001', '127.1', '0177.0.0.1', 'localhost', 'LOCALHOST']) {
  test(`${host} is this machine to the resolver, and to us`, async () => {
    assert.match(await verdictOn(plain, host), /^(loopback|unresolved)$/)
  })
}

test('a name that does not resolve says so', async () => {
  const lookup = async () => {
    throw Object.assign(new Error('no'), { code: 'ENOTFOUND' })
  }
  const result = await createDestinationPolicy({ ...plain, lookup }).check('gone.example.com', 6443)
  assert.ok(!result.ok)
  assert.deepEqual(result.error, { code: 'unresolved', message: 'gone.example.com cannot be resolved (ENOTFOUND)' })
})

test('loopback is for those who listen on loopback themselves', async () => {
  assert.equal(await verdictOn({ ...plain, allowLoopback: true }, '127.0.0.1'), 'allowed')
  assert.equal(await verdictOn({ ...plain, allowLoopback: true }, '::1'), 'allowed')
})

const listeners: readonly { listens: string; host: string; port?: number; own: boolean }[] = [
  { listens: '127.0.0.1', host: '127.0.0.1', own: true },
  { listens: '127.0.0.1', host: '::1', own: true },
  { listens: '127.0.0.1', host: '::ffff:127.0.0.1', own: true },
  { listens: '127.0.0.1', host: '127.0.0.1', port: 6443, own: false },
  { listens: '0.0.0.0', host: '127.0.0.1', own: true },
  { listens: '::', host: '192.168.7.7', own: true },
  { listens: '::', host: '::ffff:192.168.7.7', own: true },
  { listens: '::', host: '192.168.7.8', own: false },
  { listens: '10.9.9.9', host: '10.9.9.9', own: true },
  { listens: '10.9.9.9', host: '10.9.9.10', own: false },
  { listens: '10.9.9.9', host: '127.0.0.1', own: false },
  { listens: 'not an address', host: '127.0.0.1', own: true },
]
for (const { listens, host, port = 8443, own } of listeners) {
  test(`with a listener on ${listens}:8443, ${host}:${port} is ${own ? '' : 'not '}us`, async () => {
    const settings: DestinationSettings = {
      ownListeners: () => [{ address: listens, port: 8443 }],
      ownAddresses: () => ['192.168.7.7', 'fe80::7'],
      allowLoopback: true,
      // Allowing a range does not allow ourselves.
      allowedRanges: ['0.0.0.0/0', '::/0'],
    }
    assert.equal(await verdictOn(settings, host, port), own ? 'own_listener' : 'allowed')
  })
}

/** A resolver with these names and no others; one that stands for an error fails with it. */
const resolver = (names: Record<string, string[] | Error>) => async (host: string) => {
  const found = names[host] ?? Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
  if (found instanceof Error) throw found
  return found.map((address): ResolvedAddress => ({ address, family: address.includes(':') ? 6 : 4 }))
}
const resolverIsAway = Object.assign(new Error('try again'), { code: 'EAI_AGAIN' })
const balancer = { host: 'palisade.example.com', port: 443, mustResolve: false }
const database = { host: 'db.internal', port: 5432, mustResolve: true }

const named: readonly {
  of: string
  names: Record<string, string[] | Error>
  host: string
  port: number
  verdict: string
}[] = [
  { of: 'our public name', names: {}, host: 'palisade.example.com', port: 443, verdict: 'own_listener' },
  { of: 'it in another spelling', names: {}, host: 'Palisade.Example.COM.', port: 443, verdict: 'own_listener' },
  {
    of: 'another port of it',
    names: { 'palisade.example.com': ['10.0.0.1'] },
    host: 'palisade.example.com',
    port: 6443,
    verdict: 'allowed',
  },
  {
    of: 'its address',
    names: { 'palisade.example.com': ['10.0.0.1', 'fd00::1'] },
    host: '10.0.0.1',
    port: 443,
    verdict: 'own_listener',
  },
  {
    of: 'its second address, in IPv6',
    names: { 'palisade.example.com': ['10.0.0.1', 'fd00::1'] },
    host: 'fd00:0::1',
    port: 443,
    verdict: 'own_listener',
  },
  {
    of: 'another name of its address',
    names: { 'palisade.example.com': ['10.0.0.1'], alias: ['10.0.0.1'] },
    host: 'alias',
    port: 443,
    verdict: 'own_listener',
  },
  {
    of: 'a neighbour of it',
    names: { 'palisade.example.com': ['10.0.0.1'] },
    host: '10.0.0.2',
    port: 443,
    verdict: 'allowed',
  },
  {
    of: 'a cluster, while our public name means nothing here',
    names: {},
    host: '10.0.0.2',
    port: 443,
    verdict: 'allowed',
  },
  {
    of: 'a cluster, while nobody can say what our public name means',
    names: { 'palisade.example.com': resolverIsAway },
    host: '10.0.0.2',
    port: 443,
    verdict: 'own_unresolved',
  },
  {
    of: 'the database’s address',
    names: { 'db.internal': ['10.0.0.5'] },
    host: '10.0.0.5',
    port: 5432,
    verdict: 'own_listener',
  },
  {
    of: 'something at its port, while it has no name',
    names: {},
    host: '10.0.0.6',
    port: 5432,
    verdict: 'own_unresolved',
  },
  {
    of: 'something at its port, while its name has no address',
    names: { 'db.internal': [] },
    host: '10.0.0.6',
    port: 5432,
    verdict: 'own_unresolved',
  },
  {
    of: 'a cluster at another port, while it has no name',
    names: {},
    host: '10.0.0.6',
    port: 6443,
    verdict: 'allowed',
  },
]
for (const { of, names, host, port, verdict } of named)
  test(`known by name: ${of}: ${verdict}`, async () => {
    const settings = { ...plain, ownNames: [balancer, database], lookup: resolver(names) }
    assert.equal(await verdictOn(settings, host, port), verdict)
  })

test('a name of ours that moves is found where it is now, and a failure to find it is not remembered', async (t) => {
  let ahead = 0
  t.mock.method(performance, 'now', () => ahead)
  const names: Record<string, string[] | Error> = { 'db.internal': resolverIsAway }
  let asked = 0
  const lookup = (host: string) => {
    asked++
    return resolver(names)(host)
  }
  const settings = { ...plain, ownNames: [database], lookup }
  const policy = createDestinationPolicy(settings)
  const verdict = async (host: string) => {
    const result = await policy.check(host, 5432)
    return result.ok ? 'allowed' : result.error.code
  }
  assert.equal(await verdict('10.0.0.5'), 'own_unresolved')
  names['db.internal'] = ['10.0.0.5']
  assert.equal(await verdict('10.0.0.5'), 'own_listener')
  for (let i = 0; i < 5; i++) assert.equal(await verdict('10.0.0.6'), 'allowed')
  assert.equal(asked, 2, 'a burst asks the resolver once')
  names['db.internal'] = ['10.0.0.6']
  ahead += 10_000
  assert.equal(await verdict('10.0.0.6'), 'own_listener')
  assert.equal(await verdict('10.0.0.5'), 'allowed')
})

test('with ranges, only they', async () => {
  const settings = { ...plain, allowLoopback: true, allowedRanges: ['10.20.0.0/16', 'fd00:20::/32', '169.254.0.0/16'] }
  assert.equal(await verdictOn(settings, '10.20.3.4'), 'allowed')
  assert.equal(await verdictOn(settings, '::ffff:10.20.3.4'), 'allowed')
  assert.equal(await verdictOn(settings, 'fd00:20::5'), 'allowed')
  assert.equal(await verdictOn(settings, '10.21.0.1'), 'outside_ranges')
  assert.equal(await verdictOn(settings, '8.8.8.8'), 'outside_ranges')
  assert.equal(await verdictOn(settings, '127.0.0.1'), 'outside_ranges')
  assert.equal(await verdictOn(settings, '169.254.169.254'), 'forbidden_address')
})

test('a range may open loopback, and special addresses that are in use all the same', async () => {
  const settings = { ...plain, allowedRanges: ['127.0.0.0/8', '198.18.0.0/15'] }
  assert.equal(await verdictOn(settings, '127.0.0.1'), 'allowed')
  assert.equal(await verdictOn(settings, '198.18.0.1'), 'allowed')
})

test('a range that is none is named', () => {
  assert.deepEqual(parseRanges(['10.0.0.0/8', '10.0.0.0']), {
    ok: false,
    error: '"10.0.0.0" is not a range such as 10.0.0.0/8',
  })
  assert.throws(() => createDestinationPolicy({ ...plain, allowedRanges: ['x/8'] }), RangeError)
})

for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
  test(`port ${port} is none`, async () => assert.equal(await verdictOn(plain, '10.0.0.1', port), 'not_a_host'))
}

async function verdictOn(settings: DestinationSettings, host: string, port = 6443): Promise<string> {
  const result = await createDestinationPolicy(settings).check(host, port)
  return result.ok ? 'allowed' : result.error.code
}

function resolved(address: string): ResolvedAddress {
  return { address, family: address.includes(':') ? 6 : 4 }
}
