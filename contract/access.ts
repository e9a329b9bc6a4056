import { z } from 'zod'

/** Our own `/v1/palisade/access`: who may do what, and why. */

const uid = z.string().max(128)
const permission = z.string().min(1).max(128)

/** What is asked about: one cluster, one project, one workspace, or without any the tenant itself. */
const place = { cluster: uid.optional(), project: uid.optional(), workspace: uid.optional() }

export const AccessQuestion = z.strictObject({
  permission,
  ...place,
  /** About whom; absent: the caller. */
  user: uid.optional(),
})

export const WhoCanQuery = z.strictObject({
  permission,
  ...place,
  /** Of a project or the tenant: also those who may on what their filters select in it. */
  filtered: z.enum(['true', 'false']).default('false'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
  offset: z.coerce.number().int().min(0).max(1_000_000_000).default(0),
})

export const WhatCanQuery = z.strictObject({ user: uid.optional() })

const named = z.strictObject({ uid: z.string(), name: z.string() })

export const AccessScope = z.strictObject({
  kind: z.enum(['system', 'tenant', 'project', 'workspace']),
  /** Of a project, and of a workspace the one that it is in. */
  project: named.optional(),
  workspace: named.optional(),
})

/** One way in which somebody holds a permission. */
export const Grant = z.strictObject({
  assignment: z.string(),
  role: named,
  via: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('user') }),
    z.strictObject({ kind: z.literal('team'), team: named }),
  ]),
  scope: AccessScope,
  /** The filters that select what it acts on, any of them; none where it acts on everything. */
  filters: z.array(named),
  endsAt: z.iso.datetime().nullable(),
})
export type Grant = z.infer<typeof Grant>

export const AccessExplanation = z.strictObject({
  user: named,
  permission: z.string(),
  scope: AccessScope,
  effect: z.enum(['allow', 'deny']),
  /** Why not: of a refusal. */
  why: z.enum(['unknown-subject', 'subject-inactive', 'unknown-permission', 'no-grant']).nullable(),
  because: z.array(Grant),
  /**
   * Grants of the permission that do not count here: given in another scope, ended by now, or with filters that do not select
   * the object.
   */
  near: z.array(Grant.extend({ why: z.enum(['elsewhere', 'ended', 'not-selected']) })),
  /** Roles that would allow it, the one with the fewest permissions first; the first ten. */
  roles: z.array(named.extend({ scope: z.enum(['system', 'tenant', 'project', 'resource']), permissions: z.int() })),
  /** The access epoch that it was decided on. */
  epoch: z.string(),
})

export const WhoCan = z.strictObject({
  items: z.array(z.strictObject({ user: named, because: z.array(Grant) })),
  count: z.int(),
})

export type WhoCan = z.infer<typeof WhoCan>

export const WhatCan = z.strictObject({
  user: named,
  /** In the tenant and so in all of its projects. */
  tenant: z.array(z.string()),
  /** Further permissions of single projects, those of the tenant included. */
  projects: z.array(z.strictObject({ project: named, permissions: z.array(z.string()) })),
  /** Further permissions on single workspaces, those of the tenant and the project included. */
  workspaces: z.array(z.strictObject({ workspace: named, project: named, permissions: z.array(z.string()) })),
  /** On what filters select. */
  filtered: z.array(Grant.extend({ permissions: z.array(z.string()) })),
})
