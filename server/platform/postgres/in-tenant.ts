import type pg from 'pg'
import { isTenantUid, type TenantUid } from '../../../contract/ids.ts'
import type { Result } from '../../../core/result.ts'
import { CommitUncertainError, databaseUnavailable, leavesOpen } from './errors.ts'
import { createTurns } from './turns.ts'

/** One transaction in one tenant's scope. Rows of other tenants do not exist in it. */
export type Tx = {
  readonly tenant: TenantUid
  /** Runs one statement with `$1…` parameters and answers its rows. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Runs `work` behind a savepoint: a refusal or an exception takes back what it wrote, and nothing before it. */
  attempt<T, E>(work: () => Promise<Result<T, E>>): Promise<Result<T, E>>
  /** Runs `work` in another tenant's scope, in the same transaction: a tenant's birth is one with its system entry. */
  within<T>(tenant: TenantUid, work: (tx: Tx) => Promise<T>): Promise<T>
  /** Called once the commit is acknowledged; never after a rollback. */
  afterCommit(work: () => void): void
}

export type TxOptions = {
  /** `repeatable read` gives all statements one snapshot. */
  readonly isolation?: 'read committed' | 'repeatable read'
  readonly readOnly?: boolean
  /**
   * Where the transaction begins by waiting for a lock of its tenant: which. Of those who ask for one lock few have a connection, so that
   * the others of a rush leave connections to everybody else.
   */
  readonly lock?: 'access' | 'limits'
}

/** The only way to a tenant's rows. Refuses an empty or malformed tenant by throwing. */
export type InTenant = <T>(tenant: TenantUid, work: (tx: Tx) => Promise<T>, options?: TxOptions) => Promise<T>

/**
 * Makes `inTenant` over a pool of `openPool`. The tenant is set for the transaction alone (`set local`), which row-level security reads.
 *
 * Errors of `work` roll back and are thrown on; where the answer to the commit is lost, that is a CommitUncertainError. A connection that failed is not put back into the pool.
 */
export function createInTenant(pool: pg.Pool): InTenant {
  const connect = createConnect(pool)
  const turns = createTurns({ key: lockingAtOnce, all: Math.max(1, Math.floor(pool.options.max * shareOfLocking)) })
  return (tenant, work, options = {}) => {
    const { lock } = options
    return lock === undefined
      ? transact(tenant, work, options)
      : turns(`${tenant} ${lock}`, () => transact(tenant, work, options))
  }

  async function transact<T>(tenant: TenantUid, work: (tx: Tx) => Promise<T>, options: TxOptions): Promise<T> {
    const scope = setTenant(tenant)
    const client = await connect()
    const committed: (() => void)[] = []
    let broken: Error | undefined
    let result: T
    try {
      // One round trip: the tenant is 24 hex digits or `system`, checked by setTenant, so it needs no parameter.
      await client.query(`begin${mode(options)}; ${scope}`)
      result = await work(createTx(client, tenant, committed))
      const { command } = await client.query('commit').catch((cause: Error) => {
        throw leavesOpen(cause) ? new CommitUncertainError(cause) : cause
      })
      // Of a transaction that a failed statement has aborted PostgreSQL answers a commit with ROLLBACK and no error.
      if (command !== 'COMMIT')
        throw new Error('a failed statement was passed over, and nothing of its transaction is stored')
    } catch (cause) {
      await client.query('rollback').catch((failure: Error) => {
        broken = failure
      })
      throw cause
    } finally {
      client.release(broken)
    }
    for (const done of committed) done()
    return result
  }
}

/** Transactions that ask for the same lock and have a connection: one that has it, and one that is there when it is given back. */
const lockingAtOnce = 2
/** Of a pool, what those who ask for locks may hold: locks are waited for where other replicas have them. */
const shareOfLocking = 3 / 4

/** One statement that is a whole transaction in one tenant's scope: a function that sets the tenant from its first argument. */
export type CallInTenant = <Row extends object>(
  tenant: TenantUid,
  call: { readonly name: string; readonly text: string; readonly values: readonly unknown[] },
) => Promise<Row[]>

/**
 * Makes `callInTenant` over a pool of `openPool`, for what is done so often that four round trips would be the cost of it. `text` calls a
 * function with the tenant as `$1`; `name` names it for the server, which keeps it prepared.
 */
export function createCallInTenant(pool: pg.Pool): CallInTenant {
  const connect = createConnect(pool)
  return async (tenant, { name, text, values }) => {
    assertTenant(tenant)
    const client = await connect()
    let broken = false
    const parameters = [tenant, ...values]
    try {
      return (await client.query({ name, text, values: parameters })).rows
    } catch (cause) {
      // The statement is a transaction of its own: nothing of it is left to roll back.
      broken = databaseUnavailable(cause)
      throw cause
    } finally {
      // The query may live until the next full collection; what it was sent with need not.
      parameters.length = 0
      client.release(broken)
    }
  }
}

/** After a connection was refused nobody else asks for this long: a storm of attempts is what keeps a database from coming back. */
const refusedPauseMs = 100

function createConnect(pool: pg.Pool): () => Promise<pg.PoolClient> {
  let refused: { readonly until: number; readonly cause: unknown } | undefined
  return async () => {
    if (refused && performance.now() < refused.until && pool.idleCount === 0) throw refused.cause
    try {
      const client = await pool.connect()
      refused = undefined
      return client
    } catch (cause) {
      refused = { until: performance.now() + refusedPauseMs, cause }
      throw cause
    }
  }
}

function createTx(client: pg.PoolClient, tenant: TenantUid, committed: (() => void)[], depth = { savepoints: 0 }): Tx {
  return {
    tenant,
    async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
      // pg types rows as any; the caller names the columns it selected.
      return (await client.query<Row>(text, values as unknown[])).rows
    },
    async attempt(work) {
      const name = `attempt_${++depth.savepoints}`
      await client.query(`savepoint ${name}`)
      const kept = committed.length
      try {
        const result = await work()
        if (result.ok) {
          await client.query(`release savepoint ${name}`)
          return result
        }
        committed.length = kept
        await client.query(`rollback to savepoint ${name}`)
        return result
      } catch (cause) {
        committed.length = kept
        await client.query(`rollback to savepoint ${name}`)
        throw cause
      }
    },
    async within(other, work) {
      await client.query(setTenant(other))
      try {
        return await work(createTx(client, other, committed, depth))
      } finally {
        // Fails only in an aborted transaction, whose end resets the tenant anyway.
        await client.query(setTenant(tenant)).catch(() => undefined)
      }
    },
    afterCommit(work) {
      committed.push(work)
    },
  }
}

function assertTenant(tenant: TenantUid): void {
  if (!isTenantUid(tenant)) throw new Error('inTenant needs a tenant')
}

function setTenant(tenant: TenantUid): string {
  assertTenant(tenant)
  return `set local app.tenant_id = '${tenant}'`
}

function mode({ isolation, readOnly }: TxOptions): string {
  return `${isolation ? ` isolation level ${isolation}` : ''}${readOnly ? ' read only' : ''}`
}
