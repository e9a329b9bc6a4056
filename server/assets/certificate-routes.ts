import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { TenantUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import * as wire from '../../contract/wire/certificates.ts'
import { uidReply } from '../../contract/wire/common.ts'
import { tenantPath } from '../../contract/wire/tenants.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Endpoint, endpoint, type Principal, type Target } from '../gateway/index.ts'
import type { TenantSealer } from '../keys/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { administration, findOwnTenant, hasRoom, mayAdminister } from '../settings/index.ts'
import { type CheckedCertificate, checkCertificate, checkKey } from './certificate-pem.ts'
import {
  countCertificates,
  deleteCertificate,
  insertCertificate,
  readCertificate,
  readCertificates,
  type StoredCertificate,
  updateCertificate,
  type WrittenCertificate,
} from './certificate-store.ts'
import { metadataAnswer, type Seeing } from './scope.ts'

export type CertificatePorts = { readonly sealerOf: (tenant: TenantUid) => Promise<TenantSealer> }

const needs = `needs ${administration.join(', ')}`

/** Certificates that a tenant keeps, with their keys, which are never shown. Palisade itself trusts none of them and uses none. */
export function certificateEndpoints({ sealerOf }: CertificatePorts): readonly Endpoint[] {
  return [
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/assets/certs',
      summary: 'Lists the certificates of the tenant, without their keys',
      permission: { object: 'user.list', find: findOwnTenant },
      params: tenantPath,
      reply: { status: 200, body: wire.certificateList },
      refusals: ['not_found'],
      audit: 'refusals-only',
      handle: async ({ tx, access }) =>
        ok({ body: { items: (await readCertificates(tx)).map((one) => toWire(one, { tx, access })) } }),
    }),
    endpoint({
      route: 'POST /v1/tenants/{tenantUid}/assets/certs',
      summary: `Keeps a certificate, its key sealed; ${needs}`,
      permission: { object: 'user.update', find: findOwnTenant },
      params: tenantPath,
      body: wire.certificateIn,
      reply: { status: 201, body: uidReply },
      refusals: [
        'not_found',
        'forbidden',
        'invalid',
        'private_key_refused',
        'certificate_name_taken',
        'resource_limit',
      ],
      audit: 'certificate.created',
      async handle({ tx, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const room = await hasRoom(tx, 'certificate', () => countCertificates(tx))
        if (!room.ok) return room
        const judged = judge(body)
        if (!judged.ok) return judged
        const { written, checked } = judged.value
        const uid = await insertCertificate(tx, await sealerOf(tx.tenant), written, { by: principal.user, now })
        if (!uid.ok) return uid
        const resource = { uid: uid.value, name: written.name }
        return ok({ body: { uid: uid.value }, resource, details: describe(checked, written) })
      },
    }),
    endpoint({
      route: 'GET /v1/tenants/{tenantUid}/assets/certs/{certificateUid}',
      summary: 'Reads one certificate, without its key',
      permission: { object: 'user.list', find: findCertificate },
      params: wire.certificatePath,
      reply: { status: 200, body: wire.certificate },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, access, params }) {
        const found = await readCertificate(tx, params.certificateUid)
        return found ? ok({ body: toWire(found, { tx, access }) }) : err(refuse('not_found'))
      },
    }),
    endpoint({
      route: 'PUT /v1/tenants/{tenantUid}/assets/certs/{certificateUid}',
      summary: `Changes a certificate; its key stays where none is sent and it still belongs to it; ${needs}`,
      permission: { object: 'user.update', find: findCertificate },
      params: wire.certificatePath,
      body: wire.certificateIn,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden', 'invalid', 'private_key_refused', 'certificate_name_taken'],
      audit: 'certificate.updated',
      async handle({ tx, params, body, principal, access, now }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const before = await readCertificate(tx, params.certificateUid, { toChange: true })
        if (!before) return err(refuse('not_found'))
        const judged = judge(body, before)
        if (!judged.ok) return judged
        const { written, checked } = judged.value
        const updated = await updateCertificate(tx, await sealerOf(tx.tenant), before.uid, written, now)
        if (!updated.ok) return updated
        const resource = { uid: before.uid, name: written.name }
        return ok({ body: undefined, resource, details: describe(checked, written) })
      },
    }),
    endpoint({
      route: 'DELETE /v1/tenants/{tenantUid}/assets/certs/{certificateUid}',
      summary: `Deletes a certificate with its key; ${needs}`,
      permission: { object: 'user.update', find: findCertificate },
      params: wire.certificatePath,
      reply: { status: 204 },
      refusals: ['not_found', 'forbidden'],
      audit: 'certificate.deleted',
      async handle({ tx, params, principal, access }) {
        const may = mayAdminister(access, principal)
        if (!may.ok) return may
        const found = await readCertificate(tx, params.certificateUid)
        if (!found) return err(refuse('not_found'))
        await deleteCertificate(tx, found.uid)
        return ok({ body: undefined, resource: { uid: found.uid, name: found.name } })
      },
    }),
  ]
}

async function findCertificate({
  tx,
  params: { tenantUid, certificateUid },
  principal,
}: {
  readonly tx: Tx
  readonly params: { readonly tenantUid: string; readonly certificateUid: string }
  readonly principal: Principal
}): Promise<Target | undefined> {
  if (tenantUid !== principal.tenant) return undefined
  const found = await readCertificate(tx, certificateUid)
  return found && { kind: 'certificate', uid: found.uid, name: found.name, scope: { kind: 'tenant' } }
}

/** @param before what stays where a client does not say: it reads no key, and so sends none back */
function judge(
  { metadata, spec }: z.output<typeof wire.certificateIn>,
  before?: StoredCertificate,
): Result<{ readonly written: WrittenCertificate; readonly checked: CheckedCertificate }, Refusal> {
  const { certificate, isCA: isCa } = spec
  const checked = checkCertificate(certificate, isCa)
  if (!checked.ok) return checked
  const keeps = spec.key === '' && before?.hasKey === true && before.certificate === certificate
  if (spec.key !== '') {
    const key = checkKey(spec.key, checked.value)
    if (!key.ok) return key
  } else if (!keeps && !isCa)
    return err(refuse('invalid', 'spec.key: is needed for a certificate that is no authority’s'))
  const written = {
    ...{ name: metadata.name, certificate, isCa, key: keeps ? 'keep' : spec.key || undefined },
    labels: metadata.labels ?? before?.labels ?? {},
    annotations: metadata.annotations ? clientAnnotations(metadata.annotations) : (before?.annotations ?? {}),
  }
  return ok({ written, checked: checked.value })
}

const describe = ({ subject, fingerprint, expiresAt }: CheckedCertificate, { isCa, key }: WrittenCertificate) => ({
  ...{ subject, fingerprint, expiresAt: expiresAt.toISOString(), isCa },
  key: key === undefined ? 'none' : key === 'keep' ? 'kept' : 'set',
})

const toWire = (one: StoredCertificate, seeing: Omit<Seeing, 'project'>): z.input<typeof wire.certificate> => ({
  metadata: metadataAnswer('certificate', { ...one, project: undefined }, { ...seeing, project: undefined }),
  spec: { certificate: one.certificate, key: '', isCA: one.isCa },
})
