import { z } from 'zod'
import {
  displayName,
  listMeta,
  listOf,
  metadataIn,
  metadataOut,
  nameKey,
  stringMap,
  stringMapIfGiven,
  uidAndName,
} from './common.ts'
import { sortBy, textFilter } from './list-select.ts'
import { uidText } from './users.ts'

/**
 * A team's name may come to stand in a Kubernetes subject or be matched with a group of an identity provider, where
 * `system:` is the cluster's own (threat A06).
 */
export const teamName = displayName(128).refine(
  (name) => !nameKey(name).startsWith('system:'),
  'must not begin with "system:"',
)

export const newTeam = z.object({
  metadata: metadataIn.extend({ name: teamName }),
  spec: z
    .object({ users: listOf(uidText), roles: listOf(uidText) })
    .nullish()
    .transform((spec) => spec ?? { users: [], roles: [] }),
})

/**
 * A PUT replaces name and users. Clients that keep roles elsewhere send none, or `null`: then the roles stay. So do users
 * where there is no `spec`, and labels and annotations that are not given.
 */
export const teamUpdate = z.object({
  metadata: z.object({ name: teamName, labels: stringMapIfGiven, annotations: stringMapIfGiven }),
  spec: z.object({ users: listOf(uidText), roles: z.array(uidText).nullish() }).nullish(),
})

/** What a patched team must still be. */
export const patchedTeam = z.object({
  metadata: z.object({ name: teamName, labels: stringMap, annotations: stringMap }),
  spec: z.object({ users: z.array(uidText), roles: z.array(uidText) }),
})

export const team = z.object({
  metadata: metadataOut,
  spec: z.object({ users: z.array(z.string()), roles: z.array(z.string()), sources: z.array(z.string()) }),
  status: z.object({}),
})

export const teamList = z.object({ items: z.array(team), listmeta: listMeta })

/** Without a body, all teams. */
export const teamsFilter = z
  .object({
    filter: z.object({ name: textFilter }).nullish(),
    sort: sortBy(['name', 'creationTimestamp']),
  })
  .nullish()

export const teamSummaries = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      spec: z.object({
        users: z.array(uidAndName),
        roles: z.array(uidAndName),
        projects: z.array(uidAndName),
      }),
      status: z.object({}),
    }),
  ),
})
