import { timeText } from '../../contract/wire/common.ts'
import type { Terms } from '../../core/access/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { GivenTerms } from './assignments.ts'
import { conditionsIn } from './conditions.ts'

// Until when and for which requests something is held is two columns of three tables, which this reads and writes alike.

/** In a plain way, on what filters select, or on a single workspace. */
export type AssignmentKind = 'role' | 'resource-role' | 'workspace-role'

const stored = {
  role: { table: 'role_assignments', id: 'assignment_id' },
  'resource-role': { table: 'resource_roles', id: 'resource_role_id' },
  'workspace-role': { table: 'workspace_roles', id: 'assignment_id' },
} as const satisfies Record<AssignmentKind, { readonly table: string; readonly id: string }>

export type TermsRow = { readonly ends_at: Date | null; readonly conditions: unknown }

/** Both members always, undefined where there is none. */
export const termsIn = ({ ends_at, conditions }: TermsRow): Required<GivenTerms> => ({
  endsAt: ends_at ?? undefined,
  conditions: conditions === null ? undefined : conditionsIn(conditions),
})

/** The same as decisions see it. */
export const termsToDecide = ({ endsAt, conditions }: GivenTerms): Terms => ({
  ...(endsAt === undefined ? {} : { endsAt: endsAt.getTime() }),
  ...(conditions === undefined ? {} : { conditions }),
})

/**
 * Whether it is held for good and for every request. The published API knows no ends and no conditions, so its lists show and
 * replace such ones alone.
 */
export const isStanding = ({ endsAt, conditions }: GivenTerms): boolean =>
  endsAt === undefined && conditions === undefined

/** As people and audit entries are told. */
export const termsToShow = ({ endsAt, conditions }: GivenTerms) => ({
  endsAt: endsAt === undefined ? null : timeText(endsAt),
  conditions: conditions ?? null,
})

/** As the columns take them. */
export const termsAsStored = ({ endsAt, conditions }: GivenTerms): readonly [Date | null, string | null] => [
  endsAt ?? null,
  conditions === undefined ? null : JSON.stringify(conditions),
]

/** Until when and for which requests it is held from now on: without either for good, and for all. */
export async function setTerms(tx: Tx, kind: AssignmentKind, uid: string, terms: GivenTerms): Promise<void> {
  const { table, id } = stored[kind]
  await tx.query(
    `update ${table} set ends_at = $3::timestamptz, conditions = $4::jsonb where tenant_id = $1 and ${id} = $2`,
    [tx.tenant, uid, ...termsAsStored(terms)],
  )
}

/** Takes it from who holds it. */
export async function removeAssignment(
  tx: Tx,
  { kind, uid }: { readonly kind: AssignmentKind; readonly uid: string },
): Promise<void> {
  const { table, id } = stored[kind]
  await tx.query(`delete from ${table} where tenant_id = $1 and ${id} = $2`, [tx.tenant, uid])
}
