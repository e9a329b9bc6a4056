import type { z } from 'zod'
import * as contract from '../../contract/access.ts'
import type { AuditEntry } from '../../contract/audit.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { UserUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import {
  type Difference,
  type ProposedChange,
  type Reach,
  type Scope,
  selects,
  type TagFilter,
} from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Simulation, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { namer, workspacesNamed } from './access-names.ts'
import { canBeEvaluated, filterOf } from './filter-routes.ts'
import { readFilter, readFilters } from './filter-store.ts'
import { type FilterUsePorts, filterUseEndpoint } from './filter-use-routes.ts'
import { resourceRolesWith } from './resource-role-store.ts'
import { ownRole, permissionsFor } from './role-store.ts'

type Labels = Readonly<Record<string, string>>
type LabelsOf = (tx: Tx, uids: readonly string[]) => Promise<ReadonlyMap<string, Labels>>

export type SimulatePorts = FilterUsePorts & {
  /** How many clusters of these projects carry the same labels. */
  readonly clusterTallies: (
    tx: Tx,
    projects: readonly string[],
  ) => Promise<readonly { readonly project: string; readonly labels: Labels; readonly n: number }[]>
  /** The labels of clusters, by uid; of those that are still there. */
  readonly clusterLabels: LabelsOf
  /** The same of profiles, cloud accounts and SSH keys. */
  readonly assetLabels: LabelsOf
  /** What users did and were refused since a time, newest first. */
  readonly recordedSince: (
    tx: Tx,
    from: Date,
    most: number,
  ) => Promise<{ readonly entries: readonly AuditEntry[]; readonly more: boolean }>
}

const dayMs = 24 * 3_600_000
/** Entries that are asked again at most. */
const maxReplayed = 20_000
/** Kinds of requests that would go otherwise, as far as they are shown. */
const maxShown = 100

type Question = z.output<typeof contract.SimulationQuestion>
type Answer = z.input<typeof contract.SimulationAnswer>

/** What a change of a role or a filter would do, before anybody does it, and who acts through a filter. */
export function simulateEndpoints(ports: SimulatePorts): readonly Endpoint[] {
  return [
    filterUseEndpoint(ports),
    endpoint({
      route: 'POST /v1/palisade/access/simulate',
      summary:
        'What a change of a role or a filter would do: who gains and loses what, and which recorded requests would go otherwise; changes nothing',
      permission: { tenant: 'role.get' },
      body: contract.SimulationQuestion,
      reply: { status: 200, body: contract.SimulationAnswer },
      refusals: ['not_found', 'forbidden', 'invalid', 'role_predefined'],
      audit: 'refusals-only',
      async handle({ tx, body, access, now }) {
        // Whoever asks sees who holds what, and what the log has of them.
        const needed = ['user.list', 'filter.get', ...(body.replayDays > 0 ? (['audit.list'] as const) : [])] as const
        const missing = needed.find((permission) => !access.allows(permission, { kind: 'tenant' }))
        if (missing !== undefined)
          return err(
            refuse('forbidden', `This needs ${missing} in tenant ${tx.tenant}`, {
              permission: missing,
              scope: { kind: 'tenant', uid: tx.tenant },
            }),
          )
        const proposed = await proposedOf(tx, body)
        if (!proposed.ok) return proposed
        const { change, projects, filters } = proposed.value
        const simulation = access.simulate(change)
        const people = await ports.names.people(tx)
        const differences = simulation.concerned.flatMap((user) => simulation.differenceFor(user) ?? [])
        const shown = differences.slice(body.offset, body.offset + body.limit)
        const reasons = shown.flatMap(({ selections }) => selections.map(({ reason }) => reason))
        const scopes = shown.flatMap(({ places }) => places.map(({ scope }) => scope))
        const named = await namer(tx, ports.names.teams, reasons, scopes)
        const nameOf = (uid: string) => ({ uid, name: people.get(uid as UserUid) ?? '' })
        return ok({
          body: {
            users: {
              items: shown.map(({ user, places, selections }) => ({
                user: nameOf(user),
                places: places.map(({ scope, gains, loses }) => {
                  return { scope: named.scope(scope), gains: [...gains], loses: [...loses] }
                }),
                selections: selections.map(({ reason, gains, loses, selectsOtherwise }) => ({
                  ...named.grant(reason, access.termsOf(reason.assignment)),
                  ...{ gains: [...gains], loses: [...loses], selectsOtherwise },
                })),
              })),
              count: differences.length,
              gain: differences.filter((one) => changesOf(one).some(({ gains }) => gains.length > 0)).length,
              lose: differences.filter((one) => changesOf(one).some(({ loses }) => loses.length > 0)).length,
            },
            clusters: filters
              ? selected(await ports.clusterTallies(tx, projects), access.reachOf('cluster.list'), filters)
              : null,
            replay:
              body.replayDays === 0
                ? null
                : await replay(tx, body.replayDays, now, simulation, nameOf, (target) => {
                    // Of what a rule selects it would say the labels, too.
                    const permission = filters && listingOf[target.kind]
                    return permission === undefined || access.allows(permission, target)
                  }),
          },
        })
      },
    }),
  ]

  /** Asks what is in the log once more, now and then. An object that is gone is not asked about: its tags are gone with it. */
  async function replay(
    tx: Tx,
    days: number,
    now: Date,
    simulation: Simulation,
    nameOf: (uid: string) => { readonly uid: string; readonly name: string },
    mayBeToldOf: (target: Target) => boolean,
  ): Promise<Answer['replay']> {
    const since = new Date(now.getTime() - days * dayMs)
    const { entries, more } = await ports.recordedSince(tx, since, maxReplayed)
    const about = new Set(simulation.concerned)
    const asked = entries.flatMap((entry) => {
      const permission = permissionOf(entry)
      return permission !== undefined && about.has(entry.actor.uid) ? [{ entry, permission }] : []
    })
    const uids = (kinds: readonly string[]) => [
      ...new Set(asked.flatMap(({ entry: { resource } }) => (kinds.includes(resource.kind) ? [resource.uid] : []))),
    ]
    const workspaces = await workspacesNamed(tx, uids([workspaceKind]))
    const labels = new Map([
      ...(await ports.clusterLabels(tx, uids([clusterKind]))),
      ...(await ports.assetLabels(tx, uids(assetKinds))),
      ...workspaces.map(({ uid, labels }) => [uid, labels] as const),
    ])
    const found = new Map<string, NonNullable<Answer['replay']>['items'][number]>()
    let requests = 0
    let refused = 0
    let allowed = 0
    for (const { entry, permission } of asked) {
      const resource = resourceOf(entry, labels)
      if (!resource || !mayBeToldOf(resource)) continue
      requests += 1
      const may = simulation.decide(entry.actor.uid, permission, resource)
      if (may.before === may.after) continue
      if (may.after) allowed += 1
      else refused += 1
      const key = JSON.stringify([entry.actor.uid, permission, entry.resource.kind, entry.resource.uid])
      const known = found.get(key)
      const { kind, uid, name = '' } = entry.resource
      found.set(key, {
        user: nameOf(entry.actor.uid),
        permission,
        resource: { kind, uid, name },
        before: may.before ? 'allow' : 'deny',
        after: may.after ? 'allow' : 'deny',
        count: (known?.count ?? 0) + 1,
        latest: known?.latest ?? { entry: entry.uid, time: entry.time, request: entry.request },
      })
    }
    return {
      since: since.toISOString(),
      requests,
      more,
      refused,
      allowed,
      items: [...found.values()].slice(0, maxShown),
    }
  }
}

const changesOf = ({ places, selections }: Difference) => [...places, ...selections]

const clusterKind = 'spectrocluster'
const workspaceKind = 'workspace'
const assetKinds = ['clusterProfile', 'cloudaccount', 'sshKey']
/** What filters may select, and the right to see it in a list. */
const listingOf: Readonly<Record<string, Permission>> = {
  [clusterKind]: 'cluster.list',
  [workspaceKind]: 'workspace.list',
  ...{ clusterProfile: 'clusterProfile.list', cloudaccount: 'cloudaccount.list', sshKey: 'sshKey.list' },
}

/** The right that an act was decided by, or refused for the want of. What needed none is not asked again. */
function permissionOf({ details }: AuditEntry): string | undefined {
  const decision = details?.decision
  const decided = typeof decision === 'object' && decision !== null && 'permission' in decision && decision.permission
  const found = decided || details?.permission
  return typeof found === 'string' ? found : undefined
}

function resourceOf(
  { resource: { kind, uid }, project }: AuditEntry,
  labels: ReadonlyMap<string, Labels>,
): Target | undefined {
  const scope: Scope = project === undefined ? { kind: 'tenant' } : { kind: 'project', projectUid: project }
  if (listingOf[kind] === undefined) return { kind, uid, scope }
  const tags = labels.get(uid)
  if (!tags) return undefined
  // What is given on one workspace alone counts on it.
  if (kind === workspaceKind && project !== undefined)
    return { kind, uid, tags, scope: { kind: 'workspace', projectUid: project, workspaceUid: uid } }
  return { kind, uid, scope, tags }
}

type Proposed = {
  readonly change: ProposedChange
  /** Where roles are given through the filter. */
  readonly projects: readonly string[]
  readonly filters?: { readonly before: TagFilter; readonly after: TagFilter }
}

async function proposedOf(tx: Tx, { change }: Question): Promise<Result<Proposed, Refusal>> {
  if (change.kind === 'role') {
    const role = await ownRole(tx, change.role)
    if (!role.ok) return role
    const { uid, name, scope } = role.value
    const permissions = permissionsFor(scope, change.permissions)
    if (!permissions.ok) return err(refuse('invalid', permissions.error))
    const becomes = change.isEnabled ? { uid, name, scope, permissions: permissions.value } : undefined
    return ok({ change: { role: uid, becomes }, projects: [] })
  }
  const filter = await readFilter(tx, change.filter)
  if (!filter) return err(refuse('not_found', `No filter ${change.filter} in this tenant`))
  const becomes = filterFrom(change)
  if (!becomes.ok) return becomes
  const after = becomes.value
  const uses = await resourceRolesWith(tx, filter.uid)
  const others = await readFilters(
    tx,
    uses.flatMap((use) => use.filters),
  )
  const filters = new Map([...others.map((one) => [one.uid, one.filter] as const), [filter.uid, after] as const])
  return ok({
    change: {
      filtersOf: new Map(uses.map((use) => [use.uid, use.filters.flatMap((uid) => filters.get(uid) ?? [])])),
    },
    projects: [...new Set(uses.flatMap((use) => use.projects))],
    filters: { before: filter.filter, after },
  })
}

function filterFrom({
  filterGroup,
  rule,
}: Extract<Question['change'], { kind: 'filter' }>): Result<TagFilter, Refusal> {
  if ((filterGroup === undefined) === (rule === undefined))
    return err(refuse('invalid', 'change: name filterGroup or rule, one of them'))
  const filter = rule ?? (filterGroup && filterOf(filterGroup))
  if (filter === undefined) throw new Error('one of the two is there')
  const sound = canBeEvaluated(filter)
  return sound.ok ? ok(filter) : sound
}

/** Counts what the caller could list, and no other: a rule can be asked letter by letter what labels say (threat D12). */
function selected(
  tallies: readonly { readonly project: string; readonly labels: Labels; readonly n: number }[],
  visible: Reach,
  { before, after }: { readonly before: TagFilter; readonly after: TagFilter },
): { readonly gained: number; readonly lost: number } {
  let gained = 0
  let lost = 0
  for (const { project, labels, n } of tallies) {
    const filters = visible === 'all' ? 'none' : visible.get(project)
    if (filters === undefined || !selects(filters, labels)) continue
    const was = selects([before], labels)
    const is = selects([after], labels)
    if (is && !was) gained += n
    if (was && !is) lost += n
  }
  return { gained, lost }
}
