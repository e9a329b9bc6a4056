import { z } from 'zod'
import { displayName, listMeta, listOf, metadataOut, stringMap, stringMapIfGiven, time, uidAndName } from './common.ts'
import { sortBy, textFilter } from './list-select.ts'

/** Users, as `/v1` knows them, and the role lists that users and teams share. */

/** UIDs in a body are compared with what exists, so whatever is no UID is simply not found. */
export const uidText = z.string().max(128)

export const loginMode = z.enum(['dev', 'devops'])

/** An address as the person writes it; what makes it one is `canonicalEmail`'s to say. It comes back byte for byte. */
const emailText = z.string().max(320)
const firstName = displayName(128)
/** Not everybody has one. */
const lastName = z
  .string()
  .nullish()
  .transform((text) => (text ?? '').trim())
  .pipe(z.union([z.literal(''), displayName(128)]))

/** `metadata` of a user: the name is made of first and last name and not taken from here. */
const userMetadataIn = z.object({ labels: stringMap, annotations: stringMap }).nullish()

export const newUser = z.object({
  metadata: userMetadataIn,
  spec: z.object({
    emailId: emailText,
    firstName,
    lastName,
    loginMode: z
      .union([loginMode, z.literal('')])
      .nullish()
      .transform((mode) => mode || undefined),
    roles: listOf(uidText),
    teams: listOf(uidText),
  }),
})

/** What is absent or `null` stays: the Go client leaves out what is empty. A `roles` that is there replaces. */
export const userUpdate = z.object({
  metadata: z.object({ labels: stringMapIfGiven, annotations: stringMapIfGiven }).nullish(),
  spec: z.object({
    emailId: emailText.nullish(),
    firstName: firstName.nullish(),
    lastName: z.union([z.literal(''), displayName(128)]).nullish(),
    roles: z.array(uidText).nullish(),
  }),
})

/** RFC 6902; which paths there are is the object's to say. */
export const jsonPatch = z
  .array(
    z.object({
      op: z.enum(['add', 'remove', 'replace', 'move', 'copy', 'test']),
      path: z.string().max(1024),
      from: z.string().max(1024).nullish(),
      value: z.unknown().optional(),
    }),
  )
  .min(1)
  .max(100)
export type JsonPatch = z.output<typeof jsonPatch>

/** What a patched user must still be. */
export const patchedUser = z.object({
  metadata: z.object({ labels: stringMap, annotations: stringMap }),
  spec: z.object({ emailId: emailText, firstName, lastName }),
  status: z.object({ isActive: z.boolean(), loginMode }),
})

export const loginModeUpdate = z.object({ loginMode })

const status = z.object({
  activationLink: z.string(),
  isActive: z.boolean(),
  isPasswordResetting: z.boolean(),
  lastSignIn: time,
})

export const user = z.object({
  metadata: metadataOut,
  spec: z.object({
    emailId: z.string(),
    firstName: z.string(),
    lastName: z.string(),
    roles: z.array(z.string()),
  }),
  status,
})

export const userList = z.object({ items: z.array(user), listmeta: listMeta })

/** Without a body, everybody. */
export const usersFilter = z
  .object({
    filter: z.object({ emailId: textFilter, name: textFilter }).nullish(),
    sort: sortBy(['name', 'creationTimestamp']),
  })
  .nullish()

export const userSummaries = z.object({
  items: z.array(
    z.object({
      metadata: metadataOut,
      spec: z.object({
        emailId: z.string(),
        firstName: z.string(),
        lastName: z.string(),
        projectsCount: z.int(),
        roles: z.array(uidAndName),
        teams: z.array(uidAndName),
      }),
      status,
    }),
  ),
})

export const userMetas = z.object({
  items: z.array(z.object({ uid: z.string(), name: z.string(), emailId: z.string() })),
})

export const userInfo = z.object({ orgName: z.string(), tenantUid: z.string(), userUid: z.string() })

/**
 * `GET /v1/users/me`. `tenantPermissions` is grouped by the key of the permission (`cluster` → `cluster.get`, …),
 * `projectPermissions` by project.
 */
export const me = z.object({
  metadata: metadataOut,
  spec: user.shape.spec,
  status: status.extend({
    loginMode,
    isContractAccepted: z.boolean(),
    /** When the password expires, the zero time being never, and whether to say so to its person today. */
    passwordExpiry: z.object({ expiresAt: time, remind: z.boolean() }),
    tenant: z.object({ orgName: z.string(), tenantUid: z.string() }),
    tenantPermissions: z.record(z.string(), z.array(z.string())),
    projectPermissions: z.record(z.string(), z.array(z.string())),
  }),
})

/** `PUT …/roles` of a user or team: the whole list; empty clears it. */
export const rolesIn = z.object({ roles: listOf(uidText) })
export const userRoles = z.object({ roles: z.array(uidAndName), inheritedRoles: z.array(uidAndName) })
export const teamRoles = z.object({ roles: z.array(uidAndName) })

/** `PUT …/projects` of a user or team: the whole list; a project that is not in it, or has no roles, goes. */
export const projectRolesIn = z.object({
  projects: listOf(z.object({ projectUid: uidText, roles: listOf(uidText) })),
})
export const projectRoles = z.object({
  projects: z.array(
    z.object({
      uid: z.string(),
      name: z.string(),
      roles: z.array(uidAndName),
      inheritedRoles: z.array(uidAndName),
    }),
  ),
})
