import { z } from 'zod'
import { displayName, listMeta, listOf, metadataIn, metadataOut, stringMapIfGiven, uidAndName } from './common.ts'
import { sortBy, textFilter } from './list-select.ts'
import { uidText } from './users.ts'

const userWithRoles = z.object({ userId: uidText, roles: listOf(uidText) })
const teamWithRoles = z.object({ teamId: uidText, roles: listOf(uidText) })

export const newProject = z.object({
  metadata: metadataIn,
  spec: z
    .object({ users: listOf(userWithRoles), teams: listOf(teamWithRoles) })
    .nullish()
    .transform((spec) => spec ?? { users: [], teams: [] }),
})

/**
 * The provider sends a PUT without `spec`: who holds which role stays, as it does for a list that is `null` or absent. A
 * list that is there, empty or not, replaces. Metadata is the whole new metadata.
 */
export const projectUpdate = z.object({
  metadata: metadataIn,
  spec: z
    .object({
      users: z.array(userWithRoles).nullish(),
      teams: z.array(teamWithRoles).nullish(),
    })
    .nullish(),
})

/** `PUT …/meta`: an absent name stays, and so do labels and annotations that are not given. */
export const projectMeta = z.object({
  name: displayName(128).nullish(),
  labels: stringMapIfGiven,
  annotations: stringMapIfGiven,
})

export const projectUsers = z.object({ users: listOf(userWithRoles) })
export const projectTeams = z.object({ teams: listOf(teamWithRoles) })

export const deleteProjectQuery = z.object({ cleanupProjectResources: z.enum(['true', 'false']).optional() })

const projectStatus = z.object({ isDisabled: z.boolean() })

export const project = z.object({
  metadata: metadataOut,
  spec: z.object({
    alerts: z.array(z.never()),
    users: z.array(z.object({ userId: z.string(), roles: z.array(z.string()) })),
    teams: z.array(z.object({ teamId: z.string(), roles: z.array(z.string()) })),
  }),
  status: projectStatus,
})

/** `GET /v1/projects`, which is real though unlisted: everything visible, whatever the paging parameters say. */
export const projectList = z.object({ items: z.array(project), listmeta: listMeta })

/** Without a body, all that are visible. */
export const projectsFilter = z
  .object({
    filter: z.object({ name: textFilter }).nullish(),
    sort: sortBy(['name', 'creationTimestamp', 'lastModifiedTimestamp']),
  })
  .nullish()

export const projectSummaries = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      specSummary: z.object({
        users: z.array(uidAndName),
        teams: z.array(uidAndName),
      }),
      status: z.object({ status: projectStatus }),
    }),
  ),
  listmeta: listMeta,
})

/** No paging: the provider looks for its project by name in one answer. */
export const projectNames = z.object({
  items: z.array(z.object({ metadata: z.object({ name: z.string(), uid: z.string() }) })),
})
export const projectNamesQuery = z.object({ name: z.string().max(256).optional() })

const nothing = z.object({ count: z.literal(0), apps: z.array(z.never()) })
const activeClusters = z.object({
  count: z.int(),
  clusters: z.array(z.object({ clusterRef: uidAndName, state: z.string() })),
})

/** What keeps a project from being deleted. */
export const activeResources = z.object({
  appDeployments: nothing,
  clusters: activeClusters,
  virtualClusters: activeClusters,
})
