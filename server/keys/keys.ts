import { generateKeySync, type KeyObject } from 'node:crypto'
import { systemTenant, type TenantUid } from '../../contract/ids.ts'
import {
  type AttemptKind,
  attemptIndex,
  type CanonicalEmail,
  directoryIndex,
  type InstallationSalt,
  type RootKey,
  unwrapKey,
  wrapKey,
} from '../../core/seal/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { InTenant, Tx } from '../platform/postgres/index.ts'
import { createNonces } from './nonces.ts'
import { createTenantSealer, type TenantSealer } from './tenant-sealer.ts'

/** The keys of the installation: one a tenant, wrapped by the root key, opened on first use and held as KeyObjects. */
export type Keys = {
  /** The tenant's sealer; throws for a tenant that has no key. */
  of(tenant: TenantUid): Promise<TenantSealer>
  /**
   * The same, read from the database even where it is in memory: for answers whose time must not tell whether a tenant exists
   * that nobody has used for long (threat B29).
   */
  read(tenant: TenantUid): Promise<TenantSealer>
  /** Makes the key of `tx.tenant` at its birth, in the transaction of the birth. */
  create(tx: Tx): Promise<TenantSealer>
  /** Key of an e-mail in `login_directory`, the same in all tenants by design. */
  directoryIndex(email: CanonicalEmail): Buffer
  /** Key of a counter of sign-in attempts, or of a network that an account is known from. */
  attemptKey(what: AttemptKind, canonical: string): Buffer
  /** Seals what belongs to the installation itself, under the key of the tenant `system`. */
  installation: {
    seal(kind: 'ca' | 'jwt', version: number, plaintext: Uint8Array): Promise<Buffer>
    open(kind: 'ca' | 'jwt', version: number, sealed: Uint8Array): Promise<Buffer>
  }
}

const purpose = 'tenant-key'
/** Opened keys kept at most; the oldest is opened anew when it is needed (one row and one unwrap). */
const maxOpen = 20_000

export function createKeys(deps: {
  readonly root: RootKey
  readonly salt: InstallationSalt
  readonly inTenant: InTenant
  readonly clock: Clock
}): Keys {
  const { root, salt, inTenant, clock } = deps
  const nonce = createNonces()
  const opened = new Map<TenantUid, Promise<TenantSealer>>()

  async function load(tenant: TenantUid): Promise<TenantSealer> {
    const rows = await inTenant(tenant, (tx) =>
      tx.query<{ version: number; wrapped: Buffer }>('select version, wrapped from tenant_keys where tenant_id = $1', [
        tenant,
      ]),
    )
    const versions = new Map<number, KeyObject>()
    for (const { version, wrapped } of rows) {
      const key = unwrapKey(root, wrapped, { purpose, tenant, version })
      if (!key.ok) throw new Error(`the key of tenant ${tenant} does not open: ${key.error}`)
      versions.set(version, key.value)
    }
    if (versions.size === 0) throw new Error(`tenant ${tenant} has no key`)
    return createTenantSealer(tenant, versions, salt, nonce)
  }

  function of(tenant: TenantUid): Promise<TenantSealer> {
    return opened.get(tenant) ?? read(tenant)
  }

  function read(tenant: TenantUid): Promise<TenantSealer> {
    const loading = load(tenant)
    // A failure is not remembered: the next caller tries again.
    loading.catch(() => {
      if (opened.get(tenant) === loading) opened.delete(tenant)
    })
    remember(tenant, loading)
    return loading
  }

  function remember(tenant: TenantUid, sealer: Promise<TenantSealer>): void {
    opened.set(tenant, sealer)
    const oldest = opened.keys().next()
    if (opened.size > maxOpen && !oldest.done) opened.delete(oldest.value)
  }

  const installationField = (kind: 'ca' | 'jwt', version: number) => ({
    table: 'installation_secrets',
    column: 'sealed',
    row: `${kind}/${version}`,
  })

  return {
    of,
    read,
    async create(tx) {
      const { tenant } = tx
      const version = 1
      const key = generateKeySync('aes', { length: 256 })
      const wrapped = wrapKey(root, key, { purpose, tenant, version }, nonce())
      await tx.query('insert into tenant_keys (tenant_id, version, wrapped, created_at) values ($1, $2, $3, $4)', [
        tenant,
        version,
        wrapped,
        new Date(clock.now()),
      ])
      const sealer = createTenantSealer(tenant, new Map([[version, key]]), salt, nonce)
      // Known at once, since the birth itself seals more (its audit entries, the first link) and other connections cannot see
      // the row yet. A birth that is taken back leaves the key of a random UID that nobody has; `system` is no random UID.
      if (tenant === systemTenant) tx.afterCommit(() => remember(tenant, Promise.resolve(sealer)))
      else remember(tenant, Promise.resolve(sealer))
      return sealer
    },
    directoryIndex: (email) => directoryIndex(salt, email),
    attemptKey: (what, canonical) => attemptIndex(salt, what, canonical),
    installation: {
      seal: async (kind, version, plaintext) =>
        (await of(systemTenant)).seal(installationField(kind, version), plaintext),
      open: async (kind, version, sealed) =>
        (await of(systemTenant)).openBytes(installationField(kind, version), sealed),
    },
  }
}
