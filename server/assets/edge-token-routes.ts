import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import { ProjectUid, type TenantUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply, wireTime } from '../../contract/wire/common.ts'
import * as wire from '../../contract/wire/edge-tokens.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { firstUnknown } from '../access/index.ts'
import { type Endpoint, endpoint, type Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import {
  countEdgeTokens,
  deleteEdgeToken,
  type EdgeToken,
  insertEdgeToken,
  openEdgeToken,
  readEdgeToken,
  readEdgeTokens,
  switchEdgeToken,
  updateEdgeToken,
  type WrittenEdgeToken,
} from './edge-token-store.ts'
import { metadataAnswer, type Seeing } from './scope.ts'

export type EdgeTokenPorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

/** Registration tokens, which are the tenant's. */
export function edgeTokenEndpoints({ sealerOf }: EdgeTokenPorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/edgehosts/tokens',
      summary: 'Lists the registration tokens of the tenant; the tokens themselves for those who hold edgeToken.get',
      permission: { tenant: 'edgeToken.list' },
      reply: { status: 200, body: wire.edgeTokenList },
      refusals: [],
      audit: 'refusals-only',
      async handle({ tx, access }) {
        const sealer = access.allows('edgeToken.get', { kind: 'tenant' }) ? await sealerOf(tx.tenant) : undefined
        const found = await readEdgeTokens(tx)
        return ok({ body: { items: found.map((one) => toWire({ tx, access }, one, sealer)) } })
      },
    }),
    endpoint({
      route: 'POST /v1/edgehosts/tokens',
      summary: 'Creates a registration token',
      permission: { tenant: 'edgeToken.create' },
      body: wire.edgeTokenIn,
      reply: { status: 201, body: uidReply },
      refusals: ['invalid', 'not_found', 'edge_token_name_taken', 'resource_limit'],
      audit: 'edgetoken.created',
      async handle({ tx, body: { metadata, spec }, principal, now }) {
        const room = await hasRoom(tx, 'edgetoken', () => countEdgeTokens(tx))
        if (!room.ok) return room
        const project = await defaultProject(tx, spec.defaultProjectUid)
        if (!project.ok) return project
        if (!spec.expiry) return err(refuse('invalid', 'spec.expiry: a registration token needs an end'))
        if (spec.expiry <= now) return err(hasPassed)
        const token: WrittenEdgeToken = {
          name: metadata.name,
          defaultProject: project.value,
          expiresAt: spec.expiry,
          labels: metadata.labels ?? {},
          annotations: clientAnnotations(metadata.annotations ?? {}),
        }
        const uid = await insertEdgeToken(tx, await sealerOf(tx.tenant), token, { by: principal.user, now })
        if (!uid.ok) return uid
        return ok({
          body: { uid: uid.value },
          resource: { uid: uid.value, name: token.name },
          details: { expiresAt: token.expiresAt.toISOString(), defaultProject: token.defaultProject ?? null },
        })
      },
    }),
    endpoint({
      route: 'GET /v1/edgehosts/tokens/{uid}',
      summary: 'Reads one registration token',
      permission: { object: 'edgeToken.get', find },
      params: uidPath,
      reply: { status: 200, body: wire.edgeToken },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, access, params }) {
        const found = await load(tx, params.uid)
        return found.ok ? ok({ body: toWire({ tx, access }, found.value, await sealerOf(tx.tenant)) }) : found
      },
    }),
    endpoint({
      route: 'PUT /v1/edgehosts/tokens/{uid}',
      summary: 'Changes name, end or default project of a registration token; the token itself stays',
      permission: { object: 'edgeToken.update', find },
      params: uidPath,
      body: wire.edgeTokenUpdate,
      reply: { status: 204 },
      refusals: ['not_found', 'invalid', 'edge_token_name_taken'],
      audit: 'edgetoken.updated',
      async handle({ tx, params, body: { metadata, spec }, now }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        const before = found.value
        const project = await defaultProject(tx, spec.defaultProjectUid)
        if (!project.ok) return project
        const expiresAt = spec.expiry ?? before.expiresAt
        // A client that changes something else sends the end that it read.
        if (expiresAt <= now && expiresAt.getTime() !== before.expiresAt.getTime()) return err(hasPassed)
        const after: WrittenEdgeToken = {
          name: metadata?.name || before.name,
          defaultProject: project.value,
          expiresAt,
          labels: metadata?.labels ?? before.labels,
          annotations: metadata?.annotations ? clientAnnotations(metadata.annotations) : before.annotations,
        }
        const updated = await updateEdgeToken(tx, before.uid, after, now)
        if (!updated.ok) return updated
        const projectBefore = before.defaultProject?.uid
        const details = {
          ...(after.name === before.name ? {} : { name: { before: before.name, after: after.name } }),
          ...(expiresAt.getTime() === before.expiresAt.getTime()
            ? {}
            : { expiresAt: { before: before.expiresAt.toISOString(), after: expiresAt.toISOString() } }),
          ...(project.value === projectBefore
            ? {}
            : { defaultProject: { before: projectBefore ?? null, after: project.value ?? null } }),
        }
        return ok({ body: undefined, resource: { uid: before.uid, name: after.name }, details })
      },
    }),
    endpoint({
      route: 'PUT /v1/edgehosts/tokens/{uid}/state',
      summary: 'Switches a registration token on or off',
      permission: { object: 'edgeToken.update', find },
      params: uidPath,
      body: wire.edgeTokenState,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'edgetoken.updated',
      async handle({ tx, params, body: { isActive }, now }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        await switchEdgeToken(tx, found.value.uid, isActive, now)
        return ok({ body: undefined, details: { isActive } })
      },
    }),
    endpoint({
      route: 'DELETE /v1/edgehosts/tokens/{uid}',
      summary: 'Deletes a registration token',
      permission: { object: 'edgeToken.delete', find },
      params: uidPath,
      reply: { status: 204 },
      refusals: ['not_found'],
      audit: 'edgetoken.deleted',
      async handle({ tx, params }) {
        const found = await load(tx, params.uid)
        if (!found.ok) return found
        await deleteEdgeToken(tx, found.value.uid)
        return ok({ body: undefined })
      },
    }),
  ]
}

const hasPassed = refuse('invalid', 'spec.expiry has passed already')

type Found = { readonly tx: Tx; readonly params: { readonly uid: string } }

async function find({ tx, params }: Found): Promise<Target | undefined> {
  const token = await readEdgeToken(tx, params.uid)
  return token && { kind: 'edgeToken', uid: token.uid, name: token.name, scope: { kind: 'tenant' } }
}

async function load(tx: Tx, uid: string): Promise<Result<EdgeToken, Refusal>> {
  const token = await readEdgeToken(tx, uid)
  return token ? ok(token) : err(refuse('not_found'))
}

/** The project that hosts are put into; none is no mistake. */
async function defaultProject(tx: Tx, uid: string): Promise<Result<ProjectUid | undefined, Refusal>> {
  if (uid === '') return ok(undefined)
  const parsed = ProjectUid.safeParse(uid)
  if (parsed.success && (await firstUnknown(tx, 'project', [parsed.data])) === undefined) return ok(parsed.data)
  return err(refuse('not_found', `No project ${uid}`))
}

/** @param sealer absent: without the token itself */
function toWire(
  seeing: Omit<Seeing, 'project'>,
  found: EdgeToken,
  sealer: TenantSealer | undefined,
): z.input<typeof wire.edgeToken> {
  const { defaultProject: project, expiresAt, isActive } = found
  return {
    metadata: metadataAnswer('edgeToken', { ...found, project: undefined }, { ...seeing, project: undefined }),
    spec: {
      ...(sealer ? { token: openEdgeToken(sealer, found) } : {}),
      expiry: wireTime(expiresAt),
      defaultProject: { uid: project?.uid ?? '', name: project?.name ?? '' },
    },
    status: { isActive },
  }
}
