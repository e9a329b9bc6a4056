import { z } from 'zod'
import { FilterRule } from './filters.ts'
import { RequestConditions, UnmetCondition } from './request-conditions.ts'
import { numberInQuery } from './wire/common.ts'
import { filterGroupIn as filterGroup } from './wire/filters.ts'

/** Our own `/v1/palisade/access`: who may do what, and why. */

const uid = z.string().max(128)
const permission = z.string().min(1).max(128)

/** What is asked about: one object, one project, or without any the tenant itself. */
const place = {
  cluster: uid.optional(),
  project: uid.optional(),
  workspace: uid.optional(),
  profile: uid.optional(),
  cloudAccount: uid.optional(),
  sshKey: uid.optional(),
}

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
  limit: numberInQuery(1, 100).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
})

export const WhatCanQuery = z.strictObject({
  /** About a user, or what a team gives its members; absent: the caller. */
  user: uid.optional(),
  team: uid.optional(),
  limit: numberInQuery(1, 100).default(50),
  offset: numberInQuery(0, 1_000_000_000).default(0),
})

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
  /** It counts for requests that meet them alone; `null`: for every request. */
  conditions: RequestConditions.nullable(),
})
export type Grant = z.infer<typeof Grant>

export const AccessExplanation = z.strictObject({
  user: named,
  permission: z.string(),
  scope: AccessScope,
  /** The object that was asked about, where the caller sees it. */
  on: named.nullable(),
  effect: z.enum(['allow', 'deny']),
  /** Why not: of a refusal. */
  why: z.enum(['unknown-subject', 'subject-inactive', 'unknown-permission', 'no-grant']).nullable(),
  /** The first hundred. */
  because: z.array(Grant),
  /** Of how many. */
  becauseCount: z.int(),
  /**
   * The first hundred grants of the permission that do not count here: given in another scope, ended by now, with filters that do not select
   * the object, or under conditions that the request does not meet. Of others' requests nothing is known but the time.
   */
  near: z.array(
    Grant.extend({
      why: z.enum(['elsewhere', 'ended', 'not-selected', 'condition']),
      /** Of `condition`: which of them. */
      unmet: z.array(UnmetCondition),
    }),
  ),
  nearCount: z.int(),
  /** Roles that would allow it, the one with the fewest permissions first; the first ten. */
  roles: z.array(named.extend({ scope: z.enum(['system', 'tenant', 'project', 'resource']), permissions: z.int() })),
  /** The access epoch that it was decided on. */
  epoch: z.string(),
})

export const WhoCan = z.strictObject({
  items: z.array(z.strictObject({ user: named, because: z.array(Grant), becauseCount: z.int() })),
  count: z.int(),
})

export type WhoCan = z.infer<typeof WhoCan>

/** `limit` and `offset` are about what is on filters, under conditions, on workspaces and in projects, in that order: `count` of all of it. */
export const WhatCan = z.strictObject({
  user: named.nullable(),
  team: named.nullable(),
  /** In the tenant and so in all of its projects. */
  tenant: z.array(z.string()),
  /** Further permissions of single projects, those of the tenant included. */
  projects: z.array(z.strictObject({ project: named, permissions: z.array(z.string()) })),
  /** Further permissions on single workspaces, those of the tenant and the project included. */
  workspaces: z.array(z.strictObject({ workspace: named, project: named, permissions: z.array(z.string()) })),
  /** On what filters select. */
  filtered: z.array(Grant.extend({ permissions: z.array(z.string()) })),
  /** For requests that meet conditions; all of the above is for every request. */
  conditional: z.array(Grant.extend({ permissions: z.array(z.string()) })),
  count: z.int(),
})

const permissions = z.array(z.string())

/** A change that somebody thinks of: as `PUT /v1/roles/{uid}`, `PUT /v1/filters/tag/{uid}` or `PUT /v1/palisade/filters/{uid}` would write it. */
export const SimulationQuestion = z.strictObject({
  change: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('role'),
      role: uid,
      permissions: z.array(permission).max(500),
      isEnabled: z.boolean().default(true),
    }),
    z.strictObject({
      kind: z.literal('filter'),
      filter: uid,
      /** What it would compare, in the published shape or in our own: one of the two. */
      filterGroup: filterGroup.optional(),
      rule: FilterRule.optional(),
    }),
  ]),
  /** How many days of the audit log are asked again; 0: none. */
  replayDays: z.int().min(0).max(30).default(0),
  limit: z.int().min(1).max(100).default(50),
  offset: z.int().min(0).max(1_000_000_000).default(0),
})

export const SimulationAnswer = z.strictObject({
  /** Users for whom it changes something, in the order of their uids; `limit` and `offset` are about them. */
  users: z.strictObject({
    items: z.array(
      z.strictObject({
        user: named,
        places: z.array(z.strictObject({ scope: AccessScope, gains: permissions, loses: permissions })),
        selections: z.array(Grant.extend({ gains: permissions, loses: permissions, selectsOtherwise: z.boolean() })),
      }),
    ),
    count: z.int(),
    /** How many of all of them gain something, and how many lose something; some do both. */
    gain: z.int(),
    lose: z.int(),
  }),
  /**
   * Clusters that a filter would newly select, or no more, in the projects where roles are given through it: of those that the
   * caller may list.
   */
  clusters: z.strictObject({ gained: z.int(), lost: z.int() }).nullable(),
  /**
   * What the log has of these users, decided now and then: only what is recorded, so changes, calls to clusters, and what was
   * refused.
   */
  replay: z
    .strictObject({
      since: z.iso.datetime(),
      requests: z.int(),
      /** There was more in those days than is asked again. */
      more: z.boolean(),
      /** How many would be refused that were not, and the other way round. */
      refused: z.int(),
      allowed: z.int(),
      /** Requests that would go otherwise, those of one kind together, the latest first; the first hundred. */
      items: z.array(
        z.strictObject({
          user: named,
          permission: z.string(),
          resource: z.strictObject({ kind: z.string(), uid: z.string(), name: z.string() }),
          before: z.enum(['allow', 'deny']),
          after: z.enum(['allow', 'deny']),
          count: z.int(),
          latest: z.strictObject({ entry: z.string(), time: z.string(), request: z.string() }),
        }),
      ),
    })
    .nullable(),
})

export type SimulationAnswer = z.infer<typeof SimulationAnswer>
