import * as contract from '../../contract/access.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { systemTenant, type TeamUid, type UserUid } from '../../contract/ids.ts'
import { grantsShown } from '../../contract/limits.ts'
import { canonicalPermission, type Permission } from '../../contract/permissions.ts'
import { predefinedRoles } from '../../contract/roles.ts'
import type { ResourceRef } from '../../core/access/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal, type RequestAccess, type Target } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { namer, projectsNamed, workspacesNamed } from './access-names.ts'
import { byText, sortedPage } from './sorted-page.ts'

export type ExplainPorts = {
  readonly names: {
    readonly people: (tx: Tx) => Promise<ReadonlyMap<UserUid, string>>
    readonly teams: (tx: Tx) => Promise<ReadonlyMap<TeamUid, string>>
  }
  readonly findCluster: (c: {
    readonly tx: Tx
    readonly params: { readonly uid: string }
  }) => Promise<Target | undefined>
  readonly findAsset: (tx: Tx, kind: TaggedAsset, uid: string) => Promise<Target | undefined>
}

type TaggedAsset = 'clusterProfile' | 'cloudaccount' | 'sshKey'

/** What may be asked about besides clusters and workspaces, as a question names it, and the right to see one. */
const assets = [
  { of: 'profile', kind: 'clusterProfile', name: 'cluster profile', see: 'clusterProfile.get' },
  { of: 'cloudAccount', kind: 'cloudaccount', name: 'cloud account', see: 'cloudaccount.get' },
  { of: 'sshKey', kind: 'sshKey', name: 'SSH key', see: 'sshKey.get' },
] as const satisfies readonly { of: string; kind: TaggedAsset; name: string; see: Permission }[]

type Places = Partial<
  Readonly<Record<'cluster' | 'project' | 'workspace' | (typeof assets)[number]['of'], string | undefined>>
>

/** To ask about others: who they are, and what roles hold. */
const aboutOthers: readonly Permission[] = ['user.get', 'role.get']
const aboutTeams: readonly Permission[] = ['team.get', 'role.get']
const maxRoles = 10
const predefinedUids: ReadonlySet<string> = new Set(predefinedRoles.map(({ uid }) => uid))

/** Who may do what, and why. Of a tenant; what system administrators hold follows from their kind of account alone. */
export function explainEndpoints({ names, findCluster, findAsset }: ExplainPorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'POST /v1/palisade/access/explain',
      summary:
        'Why somebody may do something or not, and what would be needed: the caller, or with user.get and role.get anybody',
      permission: { signedIn: 'about oneself; about others with user.get and role.get' },
      body: contract.AccessQuestion,
      reply: { status: 200, body: contract.AccessExplanation },
      refusals: ['not_found', 'forbidden', 'invalid'],
      audit: 'refusals-only',
      async handle({ tx, body, access, principal }) {
        const who = await subject(tx, access, principal, body.user)
        if (!who.ok) return who
        const what = await resource(tx, access, body, who.value === principal.user)
        if (!what.ok) return what
        const { decision, near, roles } = access.explain(who.value, body.permission, what.value.ref)
        const because = decision.effect === 'allow' ? decision.because : []
        const { scope } = what.value.ref
        // What a place is called is for who sees it, also where nothing is held that would name it.
        const seen = access.allows('project.get', scope) ? [scope] : []
        const named = await namer(
          tx,
          names.teams,
          [...because.slice(0, grantsShown), ...near.slice(0, grantsShown).map(({ reason }) => reason)],
          seen,
        )
        const mayListRoles = access.allows('role.list', { kind: 'tenant' })
        const people = await names.people(tx)
        return ok({
          body: {
            user: { uid: who.value, name: people.get(who.value as UserUid) ?? '' },
            permission: body.permission,
            scope: named.scope(scope),
            on: what.value.seen ?? null,
            effect: decision.effect,
            why: decision.effect === 'deny' ? decision.why : null,
            because: because
              .slice(0, grantsShown)
              .map((reason) => named.grant(reason, access.termsOf(reason.assignment))),
            becauseCount: because.length,
            near: near.slice(0, grantsShown).map(({ reason, why, unmet }) => ({
              ...named.grant(reason, access.termsOf(reason.assignment)),
              ...{ why, unmet: [...unmet] },
            })),
            nearCount: near.length,
            // What a tenant calls its own roles is for who may list them.
            roles: roles
              .filter(({ uid }) => mayListRoles || predefinedUids.has(uid))
              .slice(0, maxRoles)
              .map(({ uid, name, scope, permissions }) => {
                return { uid, name, scope, permissions: permissions.length }
              }),
            epoch: decision.epoch,
          },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/access/who-can',
      summary: 'Everybody who may do something in the tenant, in a project or on an object, and every way in which',
      permission: { tenant: 'user.list' },
      query: contract.WhoCanQuery,
      reply: { status: 200, body: contract.WhoCan },
      refusals: ['not_found', 'forbidden', 'invalid'],
      audit: 'refusals-only',
      async handle({ tx, query, access }) {
        if (!access.allows('role.get', { kind: 'tenant' })) return err(lacks(tx, 'role.get'))
        // A slip of the pen must not read as "nobody".
        const permission = canonicalPermission(query.permission)
        if (!permission)
          return err(refuse('invalid', 'permission: there is no such permission; see GET /v1/permissions?scope=tenant'))
        const what = await resource(tx, access, query, false)
        if (!what.ok) return what
        const people = await names.people(tx)
        const nameOf = (user: string) => people.get(user as UserUid) ?? ''
        const { users, waysOf } = access.whoCan(permission, what.value.ref, {
          ...{ isFiltered: query.filtered === 'true', most: grantsShown },
        })
        const byName = (a: string, b: string) => byText(nameOf(a), nameOf(b)) || byText(a, b)
        const shown = sortedPage(users, byName, query).map((uid) => ({
          user: { uid, name: nameOf(uid) },
          ...waysOf(uid),
        }))
        const named = await namer(
          tx,
          names.teams,
          shown.flatMap(({ because }) => because),
        )
        return ok({
          body: {
            items: shown.map(({ user, because, count }) => ({
              user,
              because: because.map((reason) => named.grant(reason, access.termsOf(reason.assignment))),
              becauseCount: count,
            })),
            count: users.length,
          },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/access/what-can',
      summary:
        'All that somebody may do, by scope: the caller, with user.get and role.get anybody, with team.get and role.get what a team gives',
      permission: {
        signedIn: 'about oneself; about others with user.get and role.get, about a team with team.get and role.get',
      },
      query: contract.WhatCanQuery,
      reply: { status: 200, body: contract.WhatCan },
      refusals: ['not_found', 'forbidden', 'invalid'],
      audit: 'refusals-only',
      async handle({ tx, query, access, principal }) {
        const who = await holder(tx, access, principal, query)
        if (!who.ok) return who
        const { user, team, ref } = who.value
        const held = access.permissionsOf(ref)
        const filtered = access.filteredGrantsOf(ref)
        const conditional = access.conditionalGrantsOf(ref)
        const shown = ({ reason, permissions }: (typeof filtered | typeof conditional)[number]) => {
          return { ...named.grant(reason, access.termsOf(reason.assignment)), permissions: [...permissions] }
        }
        const named = await namer(
          tx,
          names.teams,
          [...filtered, ...conditional].map(({ reason }) => reason),
          [
            ...[...held.projects.keys()].map((projectUid) => ({ kind: 'project' as const, projectUid })),
            ...held.workspaces.map(({ scope }) => scope),
          ],
        )
        const workspaces = held.workspaces
          .map(({ scope, permissions }) => ({ ...named.workspace(scope), permissions: [...permissions] }))
          .toSorted((a, b) => (a.workspace.name < b.workspace.name ? -1 : 1))
        const projects = [...held.projects]
          .map(([uid, permissions]) => ({ project: named.project(uid), permissions: [...permissions] }))
          .toSorted((a, b) => (a.project.name < b.project.name ? -1 : 1))
        const page = pageAcross(query)
        return ok({
          body: {
            ...{ user, team, tenant: [...held.tenant] },
            filtered: page(filtered).map(shown),
            conditional: page(conditional).map(shown),
            workspaces: page(workspaces),
            projects: page(projects),
            count: filtered.length + conditional.length + workspaces.length + projects.length,
          },
        })
      },
    }),
  ]

  /** Whose rights are shown: a user's, or a team's. */
  async function holder(
    tx: Tx,
    access: RequestAccess,
    principal: Principal,
    { user, team }: { readonly user?: string | undefined; readonly team?: string | undefined },
  ) {
    if (team === undefined) {
      const who = await subject(tx, access, principal, user)
      if (!who.ok) return who
      const people = await names.people(tx)
      const named = { uid: who.value, name: people.get(who.value as UserUid) ?? '' }
      return ok({ user: named, team: null, ref: { userUid: who.value } })
    }
    if (user !== undefined) return err(refuse('invalid', 'Name a user or a team, one of them'))
    const missing = aboutTeams.find((permission) => !access.allows(permission, { kind: 'tenant' }))
    if (missing) return err(lacks(tx, missing))
    const name = (await names.teams(tx)).get(team as TeamUid)
    if (name === undefined) return err(refuse('not_found', `No team ${team} in this tenant`))
    return ok({ user: null, team: { uid: team, name }, ref: { teamUid: team } })
  }

  /** Whom a question is about; a person of another tenant and nobody are the same answer. */
  async function subject(
    tx: Tx,
    access: RequestAccess,
    principal: Principal,
    asked: string | undefined,
  ): Promise<Result<string, Refusal>> {
    if (asked === undefined || asked === principal.user) return ok(principal.user)
    const missing = aboutOthers.find((permission) => !access.allows(permission, { kind: 'tenant' }))
    if (missing) return err(lacks(tx, missing))
    const people = await names.people(tx)
    return people.has(asked as UserUid) ? ok(asked) : err(refuse('not_found', `No user ${asked} in this tenant`))
  }

  /** What a question is about. Somebody else's view of a cluster or project is for those who have one of it themselves. */
  async function resource(
    tx: Tx,
    access: RequestAccess,
    places: Places,
    isOwn: boolean,
  ): Promise<Result<About, Refusal>> {
    const { cluster, project, workspace } = places
    const names = ['cluster', 'project', 'workspace', ...assets.map(({ of }) => of)] as const
    if (names.filter((one) => places[one] !== undefined).length > 1)
      return err(refuse('invalid', `Name one of ${names.join(', ')}: an object is in one project, or in the tenant`))
    for (const { of, kind, name, see } of assets) {
      const uid = places[of]
      if (uid === undefined) continue
      const found = await findAsset(tx, kind, uid)
      const isSeen = found && access.allows(see, found)
      return found && (isOwn || isSeen)
        ? ok(about(found, isSeen, found.name))
        : err(refuse('not_found', `No ${name} ${uid} that you see`))
    }
    if (cluster !== undefined) {
      const found = await findCluster({ tx, params: { uid: cluster } })
      const isSeen = found && access.allows('cluster.get', found)
      return found && (isOwn || isSeen)
        ? ok(about(found, isSeen, found.name))
        : err(refuse('not_found', `No cluster ${cluster} that you see`))
    }
    if (workspace !== undefined) {
      const [row] = await workspacesNamed(tx, [workspace])
      const found = row && {
        ...{ kind: 'workspace', uid: row.uid, tags: row.labels },
        scope: { kind: 'workspace', projectUid: row.project, workspaceUid: row.uid } as const,
      }
      const isSeen = found && access.allows('workspace.get', found)
      return found && (isOwn || isSeen)
        ? ok(about(found, isSeen, row.name))
        : err(refuse('not_found', `No workspace ${workspace} that you see`))
    }
    if (project !== undefined) {
      const [row] = await projectsNamed(tx, [project])
      const scope = { kind: 'project', projectUid: project } as const
      const isSeen = row && (isOwn || access.allows('project.get', scope))
      return isSeen
        ? ok({ ref: { kind: 'project', scope } })
        : err(refuse('not_found', `No project ${project} that you see`))
    }
    const kind = tx.tenant === systemTenant ? 'system' : 'tenant'
    return ok({ ref: { kind, scope: { kind } } })
  }
}

/** One page of several lists that follow one another: asked of each of them in their order. */
function pageAcross({ limit, offset }: { readonly limit: number; readonly offset: number }) {
  let before = 0
  return <Item>(list: readonly Item[]): Item[] => {
    const page = list.slice(Math.max(0, offset - before), Math.max(0, offset + limit - before))
    before += list.length
    return page
  }
}

/** What a question is about; `seen`: its name, for who sees it. */
type About = { readonly ref: ResourceRef; readonly seen?: { readonly uid: string; readonly name: string } }

const about = (ref: ResourceRef & { readonly uid: string }, isSeen: boolean | undefined, name = ''): About =>
  isSeen ? { ref, seen: { uid: ref.uid, name } } : { ref }

const lacks = ({ tenant }: Tx, permission: Permission) =>
  refuse('forbidden', `This needs ${permission} in tenant ${tenant}`, {
    permission,
    scope: { kind: 'tenant', uid: tenant },
  })
