import type * as contract from '../../contract/assignments.ts'
import { type ProjectUid, TeamUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { describeAssignments, type HeldAssignment, termsToShow } from '../access/index.ts'
import type { Principal, RequestAccess } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { PeoplePorts } from './ports.ts'
import { projectNames } from './project-names.ts'
import { readTeams } from './team-store.ts'

/**
 * People and teams are named to those who may list them, and what roles are made of to those who may see it, or whose roles they
 * are; everybody knows their own name and those of their teams.
 */
export async function describeHeld(
  tx: Tx,
  { directory }: Pick<PeoplePorts, 'directory'>,
  held: readonly HeldAssignment[],
  { access, principal }: { readonly access: RequestAccess; readonly principal: Principal },
): Promise<contract.Assignment[]> {
  const may = (permission: Permission) => access.allows(permission, tenantScope)
  const mayList = { people: may('user.list'), teams: may('team.list') }
  const ownTeams = new Set<string>(await teamsOf(tx, principal.user))
  const people = new Map(
    (await directory.of(tx))
      .filter(({ uid }) => mayList.people || uid === principal.user)
      .map(({ uid, name }) => [uid, name]),
  )
  const teams = new Map(
    (await readTeams(tx)).filter(({ uid }) => mayList.teams || ownTeams.has(uid)).map(({ uid, name }) => [uid, name]),
  )
  const projects = await projectNames(tx)
  const onFilters = await describeAssignments(tx, held)
  const shown = (one: HeldAssignment): contract.Assignment => {
    const { uid, subject, createdAt, createdBy } = one
    const common = {
      uid,
      subject:
        'user' in subject
          ? { kind: 'user' as const, uid: subject.user, name: people.get(subject.user) ?? '' }
          : { kind: 'team' as const, uid: subject.team, name: teams.get(subject.team) ?? '' },
      ...termsToShow(one),
      createdAt: createdAt.toISOString(),
      createdBy: createdBy ? { uid: createdBy, name: people.get(createdBy) ?? '' } : null,
    }
    const isSeen =
      'user' in subject
        ? subject.user === principal.user || may('user.get')
        : ownTeams.has(subject.team) || may('team.get')
    const seenIf = (isOne: boolean, { uid, name }: Named) => ({ uid, name: isSeen || isOne ? name : '' })
    const project = (uid: ProjectUid) => ({ uid, name: projects.get(uid) ?? '' })
    switch (one.kind) {
      case 'role': {
        const place = one.place === 'tenant' ? null : project(one.place)
        return { kind: one.kind, role: { uid: one.role, name: one.name }, project: place, ...common }
      }
      case 'workspace-role': {
        const scope = { kind: 'workspace', projectUid: one.project, workspaceUid: one.workspace } as const
        const workspace = { uid: one.workspace, name: one.workspaceName }
        return {
          ...{ kind: one.kind, role: { uid: one.role, name: one.name }, project: project(one.project) },
          workspace: seenIf(access.allows('workspace.get', scope), workspace),
          ...common,
        }
      }
      case 'resource-role': {
        const { roles = [], projectUids = [], filterRefs = [] } = onFilters.get(uid) ?? {}
        return {
          ...{ kind: one.kind, roles },
          projects: projectUids.map((project) =>
            seenIf(access.allows('project.get', { kind: 'project', projectUid: project.uid }), project),
          ),
          filters: filterRefs.map((filter) => seenIf(may('filter.get'), filter)),
          ...common,
        }
      }
    }
  }
  return held.map(shown)
}

type Named = { readonly uid: string; readonly name: string }

/** What an audit entry says of it. */
export async function recorded(tx: Tx, held: HeldAssignment) {
  const { uid, subject } = held
  if (held.kind === 'resource-role') {
    const { roles = [], projectUids = [], filterRefs = [] } = (await describeAssignments(tx, [held])).get(uid) ?? {}
    const [first, ...others] = roles
    const name = `${first?.name ?? ''}${others.length === 0 ? '' : ` and ${others.length} more`}`
    const details = { ...subject, roles, projects: projectUids, filters: filterRefs, ...termsToShow(held) }
    return { resource: { uid, name }, details }
  }
  const { role: roleUid, name } = held
  const place = placeIn(held)
  return { resource: { uid, name }, details: { ...subject, role: name, roleUid, ...place, ...termsToShow(held) } }
}

function placeIn(held: Exclude<HeldAssignment, { kind: 'resource-role' }>) {
  if (held.kind === 'workspace-role') return { project: held.project, workspace: held.workspace }
  return held.place === 'tenant' ? {} : { project: held.place }
}

/** The teams that somebody is in. */
export async function teamsOf(tx: Tx, user: string): Promise<readonly TeamUid[]> {
  const rows = await tx.query<{ team_id: string }>(
    'select team_id from team_members where tenant_id = $1 and user_id = $2',
    [tx.tenant, user],
  )
  return rows.map(({ team_id }) => TeamUid.parse(team_id))
}

const tenantScope = { kind: 'tenant' } as const
