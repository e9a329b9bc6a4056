import type { z } from 'zod'
import type * as contract from '../../contract/assignments.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, TeamUid, UserUid } from '../../contract/ids.ts'
import { err, ok, type Result } from '../../core/result.ts'
import {
  firstUnknown,
  type GivenTerms,
  type Giver,
  giveOnWorkspace,
  giveResourceRole,
  giveUntil,
  type Place,
  projectsOfWorkspaces,
  type Subject,
} from '../access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'

/** What is given: one role in one place, or roles on what filters select. */
export type Gift =
  | { readonly kind: 'role'; readonly role: string; readonly project: string | undefined }
  | { readonly kind: 'workspace-role'; readonly role: string; readonly workspace: string }
  | {
      readonly kind: 'resource-role'
      readonly roles: string[]
      readonly projects: string[]
      readonly filters: string[]
    }

/** Which of them a body describes; refuses what would be two of them. */
export function gifted({
  role,
  project,
  workspace,
  roles,
  projects,
  filters,
}: z.output<typeof contract.NewAssignment>): Result<Gift, Refusal> {
  if (filters !== undefined) {
    if (role !== undefined || project !== undefined || workspace !== undefined || !roles || !projects)
      return err(refuse('invalid', 'With filters name roles and projects, as lists, and nothing else'))
    return ok({ kind: 'resource-role', roles, projects, filters })
  }
  if (roles !== undefined || projects !== undefined)
    return err(refuse('invalid', 'roles and projects are given together with filters; without filters name a role'))
  if (role === undefined) return err(refuse('invalid', 'Name a role'))
  if (workspace === undefined) return ok({ kind: 'role', role, project })
  if (project !== undefined) return err(refuse('invalid', 'Name a project or a workspace, one of them'))
  return ok({ kind: 'workspace-role', role, workspace })
}

/** To whom, and in which places; refuses what is not there. */
export async function targetOf(
  tx: Tx,
  { user, team }: z.output<typeof contract.NewAssignment>,
  gift: Gift,
): Promise<Result<{ readonly subject: Subject; readonly places: readonly Place[] }, Refusal>> {
  if ((user === undefined) === (team === undefined)) return err(refuse('invalid', 'Name a user or a team, one of them'))
  for (const [kind, uids] of [
    ['user', user === undefined ? [] : [user]],
    ['team', team === undefined ? [] : [team]],
    ['project', projectsOf(gift)],
  ] as const) {
    const unknown = await firstUnknown(tx, kind, uids)
    if (unknown !== undefined) return err(refuse('not_found', `No ${kind} ${unknown} in this tenant`))
  }
  const subject = user === undefined ? { team: TeamUid.parse(team) } : { user: UserUid.parse(user) }
  if (gift.kind === 'workspace-role') {
    const project = (await projectsOfWorkspaces(tx, [gift.workspace])).get(gift.workspace)
    if (project === undefined) return err(refuse('not_found', `No workspace ${gift.workspace} in this tenant`))
    return ok({ subject, places: [project] })
  }
  const projects = projectsOf(gift).map((uid) => ProjectUid.parse(uid))
  return ok({ subject, places: gift.kind === 'role' && projects.length === 0 ? ['tenant'] : projects })
}

function projectsOf(gift: Gift): readonly string[] {
  if (gift.kind === 'resource-role') return gift.projects
  return gift.kind === 'role' && gift.project !== undefined ? [gift.project] : []
}

/**
 * Gives it.
 *
 * @returns the uid of what was given
 */
export async function give(
  tx: Tx,
  giver: Giver,
  subject: Subject,
  gift: Gift,
  terms: GivenTerms,
): Promise<Result<string, Refusal>> {
  switch (gift.kind) {
    case 'role': {
      const place = gift.project === undefined ? 'tenant' : ProjectUid.parse(gift.project)
      const { endsAt, conditions } = terms
      const given = await giveUntil(tx, giver, { subject, place, role: gift.role, endsAt, conditions, held: 'refuse' })
      return given.ok ? ok(given.value.uid) : given
    }
    case 'workspace-role': {
      const given = await giveOnWorkspace(tx, giver, { subject, role: gift.role, workspace: gift.workspace, ...terms })
      return given.ok ? ok(given.value.assignment) : given
    }
    case 'resource-role': {
      const { roles, projects: projectUids, filters: filterRefs } = gift
      const given = await giveResourceRole(tx, giver, subject, { roles, projectUids, filterRefs }, terms)
      return given.ok ? ok(given.value.uid) : given
    }
  }
}
