import { z } from 'zod'
import { type Refusal, type RefusalCode, refuse } from '../../contract/errors.ts'
import { ProjectUid, type TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { nameKey } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/macros.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type PermissionRule, type RequestAccess, type Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import {
  deleteMacros,
  insertMacros,
  type MacroScope,
  openMacro,
  projectName,
  readMacros,
  updateMacro,
  visibleMacroNames,
} from './macro-store.ts'
import { scopeOf } from './scope.ts'

export type MacroPorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

type Written = z.output<typeof wire.macrosIn>['macros']

/** Macros of the tenant, those of each project, and those of the installation; and what a project sees of all of them. */
export function macroEndpoints(ports: MacroPorts): readonly Endpoint[] {
  return [
    ...endpointsAt(ports, {
      path: '/v1/projects/{uid}/macros',
      whose: 'a project',
      params: wire.projectPath,
      scopeIn: ({ uid }) => ProjectUid.parse(uid),
      rule: (permission) => ({ object: permission, find: findProjectMacros }),
      holds,
    }),
    ...endpointsAt(ports, {
      path: '/v1/tenants/{tenantUid}/macros',
      whose: 'the tenant',
      params: wire.tenantPath,
      scopeIn: () => undefined,
      rule: (permission) => ({ object: permission, find: findTenantMacros }),
      holds,
    }),
    ...endpointsAt(ports, {
      path: '/v1/users/system/macros',
      whose: 'the installation',
      params: z.object({}),
      scopeIn: () => undefined,
      // They are in the tenant `system`, whose people hold no rights to macros: who runs the tenants keeps them.
      rule: (permission) => ({ system: permission === 'macro.get' ? 'tenant.get' : 'tenant.update' }),
      holds: () => ok(undefined),
    }),
    endpoint({
      route: 'GET /v1/clusterprofiles/macros',
      summary:
        'The names of macros that can be used in the project, or in the tenant; values are read where they are kept',
      permission: { project: 'macro.list' },
      reply: { status: 200, body: wire.macros },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, project }) {
        const names = await visibleMacroNames(tx, project)
        return ok({ body: { macros: names.map((name) => ({ name, value: '' })) } })
      },
    }),
  ]
}

async function findProjectMacros({
  tx,
  params: { uid },
}: {
  readonly tx: Tx
  readonly params: { readonly uid: string }
}) {
  if (!ProjectUid.safeParse(uid).success) return undefined
  const name = await projectName(tx, uid)
  const scope = { kind: 'project', projectUid: uid } as const
  return name === undefined ? undefined : ({ kind: 'macro', uid, name, scope } satisfies Target)
}

// Any other tenant's uid is not there.
const findTenantMacros = async ({
  tx,
  params: { tenantUid },
}: {
  readonly tx: Tx
  readonly params: { readonly tenantUid: string }
}) =>
  tenantUid === tx.tenant ? ({ kind: 'macro', uid: tenantUid, scope: { kind: 'tenant' } } satisfies Target) : undefined

type Place<Params extends z.ZodType> = {
  readonly path: '/v1/projects/{uid}/macros' | '/v1/tenants/{tenantUid}/macros' | '/v1/users/system/macros'
  readonly whose: string
  readonly params: Params
  readonly scopeIn: (params: z.output<Params>) => MacroScope
  /** What the permission to macros is here. */
  readonly rule: (permission: MacroPermission) => Exclude<PermissionRule<z.output<Params>>, { open: string }>
  /** Refuses who may not do this besides. */
  readonly holds: typeof holds
}

type MacroPermission = 'macro.get' | 'macro.create' | 'macro.update' | 'macro.delete'

function endpointsAt<Params extends z.ZodType>(
  { sealerOf }: MacroPorts,
  { path, whose, params, scopeIn, rule, holds }: Place<Params>,
): readonly Endpoint[] {
  const at = (permission: MacroPermission) => ({ permission: rule(permission), params }) as const
  const refusals = ['not_found', 'macro_name_taken', 'resource_limit'] as const satisfies RefusalCode[]
  return [
    endpoint({
      route: `GET ${path}`,
      summary: `Reads the macros of ${whose}, with their values`,
      ...at('macro.get'),
      reply: { status: 200, body: wire.macros },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, params }) {
        const sealer = await sealerOf(tx.tenant)
        const found = await readMacros(tx, scopeIn(params))
        return ok({ body: { macros: found.map((one) => openMacro(sealer, one)) } })
      },
    }),
    endpoint({
      route: `POST ${path}`,
      summary: `Adds macros to those of ${whose}`,
      ...at('macro.create'),
      body: wire.macrosIn,
      reply: { status: 204 },
      refusals,
      audit: 'macro.created',
      async handle({ tx, params, body: { macros }, principal, now }) {
        const once = noneTwice(macros)
        if (!once.ok) return once
        const scope = scopeIn(params)
        const room = await hasRoom(tx, 'macro', async () => {
          const had = await readMacros(tx, scope, { toChange: true })
          return had.length + macros.length - 1
        })
        if (!room.ok) return room
        const sealer = await sealerOf(tx.tenant)
        const inserted = await insertMacros(tx, sealer, { scope, macros, by: principal.user, now })
        return inserted.ok ? ok({ body: undefined, details: { added: namesOf(macros) } }) : inserted
      },
    }),
    endpoint({
      route: `PUT ${path}`,
      summary: `Makes these the macros of ${whose}: adds, changes and removes`,
      ...at('macro.update'),
      body: wire.macrosIn,
      reply: { status: 204 },
      refusals: [...refusals, 'forbidden'],
      audit: 'macro.updated',
      async handle({ tx, params, body: { macros }, principal, access, requestId, now }) {
        const room = await hasRoom(tx, 'macro', async () => macros.length - 1)
        if (!room.ok) return room
        const once = noneTwice(macros)
        if (!once.ok) return once
        const scope = scopeIn(params)
        const had = await readMacros(tx, scope, { toChange: true })
        const kept = new Map(had.map((one) => [nameKey(one.name), one]))
        const wanted = new Set(macros.map(({ name }) => nameKey(name)))
        const added = macros.filter(({ name }) => !kept.has(nameKey(name)))
        const removed = had.filter(({ name }) => !wanted.has(nameKey(name)))
        // Changing all of them is no way around the rights to add and to remove.
        for (const [some, permission] of [
          [added, 'macro.create'],
          [removed, 'macro.delete'],
        ] as const) {
          const held = some.length === 0 ? ok(undefined) : holds(access, permission, scope, requestId)
          if (!held.ok) return held
        }
        const sealer = await sealerOf(tx.tenant)
        await deleteMacros(
          tx,
          removed.map(({ uid }) => uid),
        )
        const changed: string[] = []
        for (const macro of macros) {
          const before = kept.get(nameKey(macro.name))
          if (!before) continue
          if (before.name === macro.name && openMacro(sealer, before).value === macro.value) continue
          await updateMacro(tx, sealer, { ...macro, uid: before.uid, now })
          changed.push(macro.name)
        }
        const inserted = await insertMacros(tx, sealer, { scope, macros: added, by: principal.user, now })
        if (!inserted.ok) return inserted
        return ok({ body: undefined, details: { added: namesOf(added), changed, removed: namesOf(removed) } })
      },
    }),
    endpoint({
      route: `PATCH ${path}`,
      summary: `Changes macros of ${whose} by their names; the others stay`,
      ...at('macro.update'),
      body: wire.macrosIn,
      reply: { status: 204 },
      refusals: ['not_found', 'macro_name_taken'],
      audit: 'macro.updated',
      async handle({ tx, params, body: { macros }, now }) {
        const once = noneTwice(macros)
        if (!once.ok) return once
        const had = new Map((await readMacros(tx, scopeIn(params), { toChange: true })).map((one) => [one.name, one]))
        const unknown = macros.find(({ name }) => !had.has(name))
        if (unknown) return err(refuse('not_found', `No macro ${unknown.name}`))
        const sealer = await sealerOf(tx.tenant)
        for (const macro of macros) {
          const before = had.get(macro.name)
          if (before) await updateMacro(tx, sealer, { ...macro, uid: before.uid, now })
        }
        return ok({ body: undefined, details: { changed: namesOf(macros) } })
      },
    }),
    endpoint({
      route: `DELETE ${path}`,
      summary: `Removes macros of ${whose} by their names; the body says which. A name that is not there is no mistake`,
      ...at('macro.delete'),
      body: wire.macroNamesIn,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'macro.deleted',
      async handle({ tx, params, body: { macros } }) {
        const names = new Set(namesOf(macros))
        const removed = (await readMacros(tx, scopeIn(params), { toChange: true })).filter(({ name }) =>
          names.has(name),
        )
        await deleteMacros(
          tx,
          removed.map(({ uid }) => uid),
        )
        return ok({ body: undefined, details: { removed: namesOf(removed) } })
      },
    }),
  ]
}

const namesOf = (macros: readonly { readonly name: string }[]) => macros.map(({ name }) => name)

function noneTwice(macros: Written): Result<undefined, Refusal> {
  const seen = new Set<string>()
  for (const { name } of macros) {
    if (seen.has(nameKey(name))) return err(refuse('macro_name_taken', `"${name}" stands twice in the request`))
    seen.add(nameKey(name))
  }
  return ok(undefined)
}

function holds(
  access: RequestAccess,
  permission: Permission,
  scope: MacroScope,
  requestId: string,
): Result<undefined, Refusal> {
  if (access.allows(permission, scopeOf(scope))) return ok(undefined)
  return err(refuse('forbidden', `This needs ${permission} too (request ${requestId})`, { permission }))
}
