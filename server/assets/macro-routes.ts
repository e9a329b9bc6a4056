import type { z } from 'zod'
import { type Refusal, type RefusalCode, refuse } from '../../contract/errors.ts'
import { ProjectUid, type TenantUid } from '../../contract/ids.ts'
import type { Permission } from '../../contract/permissions.ts'
import { nameKey } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/macros.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type RequestAccess, type Target } from '../gateway/index.ts'
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
} from './macro-store.ts'
import { scopeOf } from './scope.ts'

export type MacroPorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

type Written = z.output<typeof wire.macrosIn>['macros']

/** Macros of the tenant, and those of each project. */
export function macroEndpoints(ports: MacroPorts): readonly Endpoint[] {
  return [
    ...endpointsAt(ports, {
      path: '/v1/projects/{uid}/macros',
      whose: 'a project',
      params: wire.projectPath,
      scopeIn: ({ uid }) => ProjectUid.parse(uid),
      async find({ tx, params: { uid } }) {
        if (!ProjectUid.safeParse(uid).success) return undefined
        const name = await projectName(tx, uid)
        return name === undefined
          ? undefined
          : { kind: 'macro', uid, name, scope: { kind: 'project', projectUid: uid } }
      },
    }),
    ...endpointsAt(ports, {
      path: '/v1/tenants/{tenantUid}/macros',
      whose: 'the tenant',
      params: wire.tenantPath,
      scopeIn: () => undefined,
      // Any other tenant's uid is not there.
      find: async ({ tx, params: { tenantUid } }) =>
        tenantUid === tx.tenant ? { kind: 'macro', uid: tenantUid, scope: { kind: 'tenant' } } : undefined,
    }),
  ]
}

type Place<Params extends z.ZodType> = {
  readonly path: '/v1/projects/{uid}/macros' | '/v1/tenants/{tenantUid}/macros'
  readonly whose: string
  readonly params: Params
  readonly scopeIn: (params: z.output<Params>) => MacroScope
  readonly find: (c: { readonly tx: Tx; readonly params: z.output<Params> }) => Promise<Target | undefined>
}

function endpointsAt<Params extends z.ZodType>(
  { sealerOf }: MacroPorts,
  { path, whose, params, scopeIn, find }: Place<Params>,
): readonly Endpoint[] {
  const at = <P extends Permission>(permission: P) => ({ permission: { object: permission, find }, params }) as const
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
        const had = await readMacros(tx, scope, { toChange: true })
        const room = await hasRoom(tx, 'macro', had.length + macros.length - 1)
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
        const room = await hasRoom(tx, 'macro', macros.length - 1)
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
