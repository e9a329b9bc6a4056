import { z } from 'zod'
import { RequestConditions } from './request-conditions.ts'

/** Our own `/v1/palisade/access/assignments`: roles that somebody holds, one by one, with their ends and conditions. */

const uid = z.string().max(128)
const named = z.strictObject({ uid: z.string(), name: z.string() })

/** Whose, or in which project; without any the caller's own. */
export const AssignmentsQuery = z.strictObject({
  user: uid.optional(),
  team: uid.optional(),
  project: uid.optional(),
})

/** Until when a role is given. */
const end = z.iso.datetime({ offset: true })

export const NewAssignment = z.strictObject({
  /** To whom: one of the two. */
  user: uid.optional(),
  team: uid.optional(),
  role: uid,
  /** Absent: in the tenant, and so in all of its projects. */
  project: uid.optional(),
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

export const Assignment = z.strictObject({
  uid: z.string(),
  /** Who holds it. Of a user's roles those of the user's teams are shown too. */
  subject: z.strictObject({ kind: z.enum(['user', 'team']), uid: z.string(), name: z.string() }),
  role: named,
  /** `null`: in the tenant, and so in all of its projects. */
  project: named.nullable(),
  /** `null`: without an end. */
  endsAt: z.iso.datetime().nullable(),
  /** `null`: for every request. */
  conditions: RequestConditions.nullable(),
  createdAt: z.iso.datetime(),
  /** Who gave it; `null`: nobody, as at the birth of the tenant. */
  createdBy: named.nullable(),
})
export type Assignment = z.infer<typeof Assignment>

export const AssignmentList = z.strictObject({ items: z.array(Assignment) })
export const AssignmentMade = z.strictObject({ uid: z.string(), endsAt: z.iso.datetime().nullable() })
