import { z } from 'zod'
import { RequestConditions } from './request-conditions.ts'
import { givenTime } from './wire/common.ts'

/**
 * Our own `/v1/palisade/access/assignments`: roles that somebody holds, one by one, with their ends and conditions: in the tenant or a
 * project, on what filters select, or on a workspace.
 */

const uid = z.string().max(128)
const named = z.strictObject({ uid: z.string(), name: z.string() })

/** Whose, or in which project; without any the caller's own. */
export const AssignmentsQuery = z.strictObject({
  user: uid.optional(),
  team: uid.optional(),
  project: uid.optional(),
})

/** Until when a role is given. */
const end = givenTime

/** So many of each list, so that one assignment stays something that a person can look through. */
const several = z.array(uid).min(1).max(100)

/** A `role` in the tenant, in a `project` or on a `workspace`; or `roles` in `projects`, on what any of the `filters` selects. */
export const NewAssignment = z.strictObject({
  /** To whom: one of the two. */
  user: uid.optional(),
  team: uid.optional(),
  role: uid.optional(),
  /** Absent, and no workspace either: in the tenant, and so in all of its projects. */
  project: uid.optional(),
  workspace: uid.optional(),
  roles: several.optional(),
  projects: several.optional(),
  filters: several.optional(),
  /** `null`: for good. */
  endsAt: end.nullable(),
  /** `null`, or absent: for every request. */
  conditions: RequestConditions.nullable().default(null),
})

/** What is absent stays as it is. */
export const AssignmentChange = z.strictObject({
  /** `null`: for good. */
  endsAt: end.nullable().optional(),
  /** `null`: for every request. */
  conditions: RequestConditions.nullable().optional(),
})

/** What all of them have. */
const held = {
  uid: z.string(),
  /** Who holds it. Of a user's roles those of the user's teams are shown too. */
  subject: z.strictObject({ kind: z.enum(['user', 'team']), uid: z.string(), name: z.string() }),
  /** `null`: without an end. */
  endsAt: z.iso.datetime().nullable(),
  /** `null`: for every request. */
  conditions: RequestConditions.nullable(),
  createdAt: z.iso.datetime(),
  /** Who gave it; `null`: nobody, as at the birth of the tenant. */
  createdBy: named.nullable(),
}

/** Names are empty for who may not see them. */
export const Assignment = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('role'),
    role: named,
    /** `null`: in the tenant, and so in all of its projects. */
    project: named.nullable(),
    ...held,
  }),
  /** The project is the one that the workspace is in. */
  z.strictObject({ kind: z.literal('workspace-role'), role: named, project: named, workspace: named, ...held }),
  /** Each of the roles in each of the projects, on what any of the filters selects. */
  z.strictObject({
    kind: z.literal('resource-role'),
    roles: z.array(named),
    projects: z.array(named),
    filters: z.array(named),
    ...held,
  }),
])
export type Assignment = z.infer<typeof Assignment>

export const AssignmentList = z.strictObject({ items: z.array(Assignment) })
export const AssignmentMade = z.strictObject({ uid: z.string(), endsAt: z.iso.datetime().nullable() })
