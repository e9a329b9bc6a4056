import type pg from 'pg'
import { AccessRequestUid, CanvasSessionUid, ClusterUid, TenantUid } from '../../../contract/ids.ts'

/**
 * What may be asked before a tenant is known, one function each; `tests/isolation` names them one by one. Behind each stands a
 * SECURITY DEFINER function that answers ids only, or a table that has no tenant.
 */
export type Lookups = {
  /** The tenant whose organisation has this canonical name. */
  tenantByOrg(orgKey: string): Promise<TenantUid | undefined>
  /** Up to two tenants in which this e-mail (as directory index) may sign in. */
  tenantsOfLogin(directoryIndex: Buffer): Promise<TenantUid[]>
  /** The tenant of what the OpenID Connect issuer keeps under this hash. */
  tenantOfOidcState(hash: Buffer): Promise<TenantUid | undefined>
  /** Epochs changed by transactions not older than `sinceXid`, and the oldest transaction still running now. */
  accessChangesSince(sinceXid: bigint): Promise<{ nextXid: bigint; changes: EpochChange[] }>
  /**
   * Names the database's line of history: another one after a promotion or a restore to a point in time, and for another
   * installation of PostgreSQL. Empty where a hosted server does not tell. Throws while the server is a standby.
   */
  databaseHistory(): Promise<string>
  /** Up to `most` clusters of any tenant whose token is due for renewal at `due`, the one due longest first. */
  clustersToRenew(due: Date, most: number): Promise<{ tenant: TenantUid; cluster: ClusterUid }[]>
  /** Up to `most` requests for roles of any tenant that nobody answered until `due`, the one over longest first. */
  accessRequestsToExpire(due: Date, most: number): Promise<{ tenant: TenantUid; request: AccessRequestUid }[]>
  /** Up to `most` clusters of any tenant on which what is wanted has to be looked after at `due`, the one due longest first. */
  clustersToReconcile(due: Date, most: number): Promise<{ tenant: TenantUid; cluster: ClusterUid }[]>
  /** The browser session whose cookie has this SHA-256. */
  canvasSession(cookieHash: Buffer): Promise<{ tenant: TenantUid; uid: CanvasSessionUid } | undefined>
}

/** Feature not supported, undefined function, insufficient privilege (PostgreSQL, appendix A). */
const notOffered: ReadonlySet<string> = new Set(['0A000', '42883', '42501'])

export type EpochChange = { readonly tenant: TenantUid; readonly epoch: bigint; readonly factsEpoch: bigint }

export function createLookups(pool: pg.Pool): Lookups {
  async function dueClusters(of: 'clusters_to_renew' | 'clusters_to_reconcile', due: Date, most: number) {
    const { rows } = await pool.query<{ tenant_id: string; cluster_id: string }>(
      `select tenant_id, cluster_id from ${of}($1, $2)`,
      [due, most],
    )
    return rows.map((row) => ({ tenant: TenantUid.parse(row.tenant_id), cluster: ClusterUid.parse(row.cluster_id) }))
  }

  return {
    async tenantByOrg(orgKey) {
      const { rows } = await pool.query<{ tenant: string | null }>('select tenant_by_org($1) as tenant', [orgKey])
      return rows[0]?.tenant ? TenantUid.parse(rows[0].tenant) : undefined
    },
    async tenantsOfLogin(directoryIndex) {
      const { rows } = await pool.query<{ tenant: string }>('select tenants_of_login($1) as tenant', [directoryIndex])
      return rows.map((row) => TenantUid.parse(row.tenant))
    },
    async tenantOfOidcState(hash) {
      const { rows } = await pool.query<{ tenant: string | null }>('select tenant_of_oidc_state($1) as tenant', [hash])
      return rows[0]?.tenant ? TenantUid.parse(rows[0].tenant) : undefined
    },
    async accessChangesSince(sinceXid) {
      // One statement, one snapshot: a transaction still running in it has an id not below its xmin and is seen next time.
      const { rows } = await pool.query<{ next: string; tenant_id: string | null; epoch: string; facts_epoch: string }>(
        `select pg_snapshot_xmin(pg_current_snapshot())::text as next, c.*
           from (values (1)) one left join access_changes_since($1::text::xid8) c on true`,
        [sinceXid.toString()],
      )
      const changes = rows.flatMap((row) =>
        row.tenant_id === null
          ? []
          : [{ tenant: TenantUid.parse(row.tenant_id), epoch: BigInt(row.epoch), factsEpoch: BigInt(row.facts_epoch) }],
      )
      const [first] = rows
      if (!first) throw new Error('a left join of one row has one')
      return { nextXid: BigInt(first.next), changes }
    },
    async databaseHistory() {
      try {
        // The first eight digits of a journal file's name are the timeline, which pg_control_checkpoint tells too late.
        const { rows } = await pool.query<{ history: string }>(
          `select (pg_control_system()).system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
             as history`,
        )
        return rows[0]?.history ?? ''
      } catch (cause) {
        if (notOffered.has((cause as { code?: string }).code ?? '')) return ''
        throw cause
      }
    },
    clustersToRenew: (due, most) => dueClusters('clusters_to_renew', due, most),
    clustersToReconcile: (due, most) => dueClusters('clusters_to_reconcile', due, most),
    async accessRequestsToExpire(due, most) {
      const { rows } = await pool.query<{ tenant_id: string; request_id: string }>(
        'select tenant_id, request_id from access_requests_to_expire($1, $2)',
        [due, most],
      )
      return rows.map((row) => ({
        tenant: TenantUid.parse(row.tenant_id),
        request: AccessRequestUid.parse(row.request_id),
      }))
    },
    async canvasSession(cookieHash) {
      const { rows } = await pool.query<{ tenant_id: string; canvas_session_id: string }>(
        'select tenant_id, canvas_session_id from canvas_session_by_cookie($1)',
        [cookieHash],
      )
      const [row] = rows
      return row && { tenant: TenantUid.parse(row.tenant_id), uid: CanvasSessionUid.parse(row.canvas_session_id) }
    },
  }
}
