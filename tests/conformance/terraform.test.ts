import { after, before, describe, test } from 'node:test'
import type { Api } from '../support/api.ts'
import { createTenant, type Palisade, startPalisade } from '../support/palisade.ts'
import { awsAccount, registrationToken, sshKey } from './terraform/objects.ts'
import { filter, project, role } from './terraform/people.ts'
import { Provider } from './terraform/provider.ts'
import { replay } from './terraform/replay.ts'
import { type AnyRow, row } from './terraform/resource.ts'
import { allLimits, macros, passwordPolicy, resourceLimit } from './terraform/settings.ts'

const publicKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

const someLetters = {
  minNumOfBlockLetters: 1,
  minNumOfDigits: 2,
  minNumOfSmallLetters: 1,
  minNumOfSpecialCharacters: 0,
}

/** What stands on nothing else, one row a resource. */
function independent(defaultProject: string): AnyRow[] {
  return [
    row({
      resource: role,
      first: { name: 'Pod Reader', type: 'project', permissions: ['cluster.get', 'cluster.list'] },
      changed: {
        name: 'Pod Reader',
        type: 'project',
        permissions: ['cloudaccount.get', 'cluster.get', 'cluster.list'],
      },
      importAs: 'Pod Reader',
    }),
    row({
      resource: project,
      first: { name: 'dev', description: 'first', labels: { team: 'a', plain: 'spectro__tag' } },
      changed: { name: 'dev', description: '', labels: { team: 'b' } },
    }),
    row({
      resource: filter,
      first: {
        name: 'prod',
        conjunction: 'and',
        filters: [{ key: 'env', negation: false, operator: 'eq', values: ['z', 'a'] }],
      },
      changed: {
        name: 'live',
        conjunction: 'or',
        filters: [{ key: 'env', negation: true, operator: 'eq', values: ['a'] }],
      },
    }),
    row({
      resource: registrationToken,
      first: { name: 'edge', description: 'first', project: defaultProject, expiry: '2099-03-25', isActive: true },
      changed: { name: 'edge', description: 'changed', project: defaultProject, expiry: '2098-01-01', isActive: false },
    }),
    row({
      resource: resourceLimit,
      first: allLimits({ spectrocluster: 300 }),
      changed: allLimits({ spectrocluster: 301 }),
    }),
    row({
      resource: passwordPolicy,
      first: {
        counters: { ...someLetters, minLength: 12 },
        days: { expiryDurationInDays: 90, firstReminderInDays: 5 },
      },
      changed: { regex: '^[a-z]{9,}$', days: { expiryDurationInDays: 999, firstReminderInDays: 7 } },
    }),
    row({
      resource: macros('project'),
      first: { one: '1', two: '2' },
      changed: { one: '1', two: '2b', three: '3' },
    }),
    row({ resource: macros('tenant'), first: { tone: 'a' }, changed: { tone: 'b' } }),
    ...(['project', 'tenant'] as const).map((context) =>
      row({
        resource: sshKey(context),
        first: { name: context, publicKey },
        changed: { name: `${context} 2`, publicKey },
      }),
    ),
    row({
      resource: awsAccount('project'),
      first: {
        ...{ name: 'by key', partition: 'aws', policyARNs: ['arn:aws:iam::123456789012:policy/Some'] },
        credential: { type: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'first' },
      },
      changed: {
        ...{ name: 'by key', partition: 'aws', policyARNs: [] },
        credential: { type: 'secret', accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'changed' },
      },
      importAs: 'by key',
    }),
  ]
}

describe('the published Terraform provider, call by call', () => {
  let palisade: Palisade
  before(async () => {
    palisade = await startPalisade({ name: 'terraform' })
  })
  after(() => palisade?.stop())

  async function freshTenant(name: string): Promise<Api> {
    const { admin } = await createTenant(palisade, name)
    const { apiKey } = await admin.must('POST', '/v1/apiKeys', { body: { metadata: { name: 'terraform' } } })
    return palisade.api.as({ apiKey })
  }

  for (const parallelism of [1, 10])
    test(`apply, change, import and destroy, ${parallelism} at once`, async () => {
      const provider = await Provider.configure(await freshTenant(`at-${parallelism}`))
      const rows = independent(provider.projectUid)
      const run = replay(provider, parallelism)
      await run.apply(rows)
      await run.change(rows)
      await run.import(rows)
      await run.destroy(rows)
    })
})
