import type { z } from 'zod'
import type { AuditEvent } from '../../contract/audit-events.ts'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { TenantUid, type UserUid } from '../../contract/ids.ts'
import { predefinedRole } from '../../contract/roles.ts'
import type { newTenant } from '../../contract/wire/tenants.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Access, insertAssignments } from '../access/index.ts'
import type { Recorded } from '../gateway/index.ts'
import type { Keys } from '../keys/index.ts'
import { type ActivationLinks, insertUser, readUser } from '../people/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'
import { releaseDomains } from '../sso/index.ts'
import { insertProject } from './project-store.ts'
import {
  type Contact,
  changeContact,
  completeTenant,
  insertEpoch,
  insertTenant,
  noAddress,
  readTenant,
  setTenantState,
  type Tenant,
} from './tenant-store.ts'

export type TenantPorts = {
  readonly keys: Pick<Keys, 'of' | 'create' | 'directoryIndex'>
  readonly links: ActivationLinks
  readonly access: Pick<Access, 'lock' | 'raise'>
}

/** Who acts in the system's scope, and when. `record` adds an entry to the log of the tenant whose scope it is given. */
type ActingSystem = {
  readonly tx: Tx
  readonly now: Date
  readonly record: (tx: Tx, event: AuditEvent, what: Recorded) => Promise<unknown>
}

/**
 * A tenant's birth, in one transaction: row, key, epoch, the project `Default`, the first user as its Tenant Admin with an
 * activation link, and the first entry of its log. It is pending until that user sets a password.
 *
 * @returns refuses an organisation's name that exists in any spelling, and what is no e-mail address
 */
export async function createTenant(
  { keys, links }: TenantPorts,
  { tx, now, record }: ActingSystem,
  { spec }: z.output<typeof newTenant>,
): Promise<Result<{ readonly uid: TenantUid; readonly firstUser: UserUid }, Refusal>> {
  const uid = TenantUid.parse(newUid())
  const { orgName, loginMode } = spec
  if (!(await insertTenant(tx, { uid, orgName, loginMode }, now))) return err(refuse('org_taken'))
  return tx.within(uid, async (inside) => {
    await insertEpoch(inside)
    const sealer = await keys.create(inside)
    const inserted = await insertUser(
      inside,
      { sealer, directoryIndex: keys.directoryIndex },
      {
        email: spec.emailId,
        firstName: spec.firstName,
        lastName: spec.lastName,
        state: 'pending',
        loginMode,
      },
      now,
    )
    if (!inserted.ok) return inserted
    const firstUser = inserted.value
    const contact = { orgEmailId: spec.orgEmailId, address: spec.address ?? noAddress }
    await completeTenant(inside, sealer, { firstUser, contact })
    const project = await insertProject(inside, { name: 'Default', labels: {}, annotations: {} }, now)
    if (!project.ok) return project
    const administrator = predefinedRole('Tenant Admin')
    const given = { subject: { user: firstUser }, role: administrator.uid, place: 'tenant' } as const
    // Nobody inside gave it: the system administrator who did holds no right in the tenant.
    await insertAssignments(inside, [given], null, now)
    await links.create(inside, firstUser, 'activate')
    await record(inside, 'tenant.created', {
      resource: { uid, name: orgName },
      details: { firstUser, role: administrator.name, project: project.value },
    })
    return ok({ uid, firstUser })
  })
}

/** Switches a tenant on or off. Off, every credential of it is refused and its open streams end. */
export async function activateTenant(
  ports: TenantPorts,
  acting: ActingSystem,
  tenant: Tenant,
  isActive: boolean,
): Promise<Result<undefined, Refusal>> {
  const current = await lockTenant(ports, acting.tx, tenant.uid)
  if (current?.state === 'deleting') return err(refuse('conflict', 'The tenant is being deleted'))
  return changeState(ports, acting, tenant, isActive ? 'active' : 'inactive', {
    event: 'tenant.activated',
    details: { isActive },
  })
}

/**
 * Makes the activation link of the first user anew, for when the one before has expired: without it nobody would ever get in.
 *
 * @returns the first user; refuses (`conflict`) where they have set a password or were removed, and where the tenant is off
 */
export async function inviteAgain(
  { keys, links }: TenantPorts,
  { tx, record }: ActingSystem,
  { uid, orgName, state, firstUser }: Tenant,
): Promise<Result<UserUid, Refusal>> {
  if (state === 'deleting') return err(refuse('conflict', 'The tenant is being deleted'))
  if (state === 'inactive') return err(refuse('conflict', 'The tenant is switched off; switch it on first'))
  const sealer = await keys.of(uid)
  return tx.within(uid, async (inside) => {
    const person = firstUser === null ? undefined : await readUser(inside, sealer, firstUser)
    if (!person) return err(refuse('conflict', 'The first user of this tenant was removed'))
    if (person.state !== 'pending') return err(refuse('conflict', 'The first user has set a password already'))
    await links.create(inside, person.uid, 'activate')
    await record(inside, 'tenant.invited', { resource: { uid, name: orgName }, details: { firstUser: person.uid } })
    return ok(person.uid)
  })
}

/** Changes how the organisation itself is reached. The logs say what was changed, and not to what. */
export async function changeTenantContact(
  { keys }: TenantPorts,
  { tx, now, record }: ActingSystem,
  { uid, orgName }: Tenant,
  change: Partial<Contact>,
): Promise<{ readonly changed: readonly string[] }> {
  const sealer = await keys.of(uid)
  const details = { changed: Object.keys(change) }
  await tx.within(uid, async (inside) => {
    await changeContact(inside, sealer, change, now)
    await record(inside, 'tenant.contact.updated', { resource: { uid, name: orgName }, details })
  })
  return details
}

/** Marks a tenant for deletion: from the commit on everything of it is refused. Its data goes later, with its key. */
export async function deleteTenant(
  ports: TenantPorts,
  acting: ActingSystem,
  tenant: Tenant,
): Promise<Result<undefined, Refusal>> {
  await lockTenant(ports, acting.tx, tenant.uid)
  await acting.tx.within(tenant.uid, releaseDomains)
  return changeState(ports, acting, tenant, 'deleting', { event: 'tenant.deleted' })
}

/** Orders this change among those inside the tenant, and reads the state that they left. */
async function lockTenant({ access }: TenantPorts, tx: Tx, uid: TenantUid): Promise<Tenant | undefined> {
  await tx.within(uid, (inside) => access.lock(inside))
  return readTenant(tx, uid)
}

async function changeState(
  { access }: TenantPorts,
  { tx, now, record }: ActingSystem,
  { uid, orgName }: Tenant,
  state: Tenant['state'],
  { event, details = {} }: { readonly event: AuditEvent; readonly details?: Record<string, unknown> },
): Promise<Result<undefined, Refusal>> {
  await setTenantState(tx, uid, state, now)
  await tx.within(uid, async (inside) => {
    await record(inside, event, { resource: { uid, name: orgName }, details })
    await access.raise(inside, 'access')
  })
  return ok(undefined)
}
