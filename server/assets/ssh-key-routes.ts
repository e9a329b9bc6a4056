import type { z } from 'zod'
import { type Refusal, refuse } from '../../contract/errors.ts'
import type { ProjectUid } from '../../contract/ids.ts'
import { clientAnnotations } from '../../contract/wire/annotations.ts'
import { uidPath, uidReply } from '../../contract/wire/common.ts'
import { type Columns, selectPage } from '../../contract/wire/list-select.ts'
import * as wire from '../../contract/wire/ssh-keys.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { mayRelabel } from '../access/index.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import { hasRoom } from '../settings/index.ts'
import { metadataAnswer, type Seeing, targetIn, targetOf, visibleRows } from './scope.ts'
import {
  countSshKeys,
  deleteSshKey,
  insertSshKey,
  readSshKey,
  readSshKeys,
  type SshKey,
  updateSshKey,
  type WrittenSshKey,
} from './ssh-key-store.ts'
import { checkPublicKey } from './ssh-public-key.ts'

/** The paths that a list of keys is filtered and sorted by. */
const columns: Columns<SshKey> = {
  'metadata.name': ({ name }) => name,
  'metadata.uid': ({ uid }) => uid,
  'metadata.creationTimestamp': ({ createdAt }) => createdAt.toISOString(),
}

/** SSH keys of the tenant and of its projects. */
export const sshKeyEndpoints: readonly Endpoint[] = [
  endpoint({
    route: 'GET /v1/users/assets/sshkeys',
    summary: "Lists the SSH keys of the selected project and the tenant's own, or all that the caller may list",
    permission: { signedIn: 'shows the keys on which the caller holds sshKey.list' },
    query: wire.sshKeyListQuery,
    reply: { status: 200, body: wire.sshKeyList },
    refusals: ['invalid', 'forbidden'],
    audit: 'refusals-only',
    async handle(c) {
      const visible = visibleRows('sshKey.list', c)
      if (!visible.ok) return visible
      const found = await readSshKeys(c.tx, visible.value)
      const page = selectPage(found, { ...c.query, limit: 0, offset: 0 }, columns)
      if (!page.ok) return err(refuse('invalid', page.error))
      return ok({ body: { items: page.value.items.map((key) => toWire(key, c)) } })
    },
  }),
  endpoint({
    route: 'POST /v1/users/assets/sshkeys',
    summary: 'Creates an SSH key in the selected project, or of the tenant',
    permission: { project: 'sshKey.create' },
    body: wire.sshKeyIn,
    reply: { status: 201, body: uidReply },
    refusals: ['invalid', 'private_key_refused', 'ssh_key_name_taken', 'resource_limit'],
    audit: 'sshkey.created',
    async handle({ tx, body, project, principal, now }) {
      const room = await hasRoom(tx, 'sshkey', () => countSshKeys(tx))
      if (!room.ok) return room
      const key = written(body)
      if (!key.ok) return key
      const uid = await insertSshKey(tx, { ...key.value, project }, principal.user, now)
      if (!uid.ok) return uid
      return ok({
        body: { uid: uid.value },
        resource: { uid: uid.value, name: key.value.name },
        details: { publicKey: key.value.publicKey },
      })
    },
  }),
  endpoint({
    route: 'GET /v1/users/assets/sshkeys/{uid}',
    summary: 'Reads one SSH key',
    permission: { object: 'sshKey.get', find: finder('read') },
    params: uidPath,
    reply: { status: 200, body: wire.sshKey },
    refusals: ['not_found'],
    audit: 'refusals-only',
    async handle(c) {
      const key = await readSshKey(c.tx, c.params.uid)
      return key ? ok({ body: toWire(key, c) }) : err(refuse('not_found'))
    },
  }),
  endpoint({
    route: 'PUT /v1/users/assets/sshkeys/{uid}',
    summary: 'Changes an SSH key',
    permission: { object: 'sshKey.update', find: finder('change') },
    params: uidPath,
    body: wire.sshKeyIn,
    reply: { status: 204 },
    refusals: ['not_found', 'invalid', 'private_key_refused', 'ssh_key_name_taken', 'forbidden'],
    audit: 'sshkey.updated',
    async handle(c) {
      const before = await readSshKey(c.tx, c.params.uid)
      if (!before) return err(refuse('not_found'))
      const after = written(c.body, before)
      if (!after.ok) return after
      const relabel = mayRelabel(targetOf('sshKey', before), after.value.labels, {
        ...{ permission: 'sshKey.update', access: c.access, requestId: c.requestId },
      })
      if (!relabel.ok) return relabel
      const updated = await updateSshKey(c.tx, before.uid, after.value, c.now)
      if (!updated.ok) return updated
      const { name, publicKey } = after.value
      const details = {
        ...(name === before.name ? {} : { name: { before: before.name, after: name } }),
        ...(publicKey === before.publicKey ? {} : { publicKey: { before: before.publicKey, after: publicKey } }),
      }
      return ok({ body: undefined, resource: { uid: before.uid, name }, details })
    },
  }),
  endpoint({
    route: 'DELETE /v1/users/assets/sshkeys/{uid}',
    summary: 'Deletes an SSH key',
    permission: { object: 'sshKey.delete', find: finder('change') },
    params: uidPath,
    reply: { status: 204 },
    refusals: ['not_found'],
    audit: 'sshkey.deleted',
    async handle({ tx, params }) {
      const key = await readSshKey(tx, params.uid)
      if (!key) return err(refuse('not_found'))
      await deleteSshKey(tx, key.uid)
      return ok({ body: undefined, resource: { uid: key.uid, name: key.name } })
    },
  }),
]

function finder(to: 'read' | 'change') {
  return async ({ tx, params, project }: { tx: Tx; params: { uid: string }; project: ProjectUid | undefined }) =>
    targetIn('sshKey', await readSshKey(tx, params.uid, { toChange: to === 'change' }), { selected: project, to })
}

/** @param before what stays where a client does not say */
function written(
  { metadata: { name, labels, annotations }, spec: { publicKey } }: z.output<typeof wire.sshKeyIn>,
  before?: SshKey,
): Result<WrittenSshKey, Refusal> {
  const checked = checkPublicKey(publicKey)
  if (!checked.ok) return checked
  return ok({
    name,
    publicKey,
    labels: labels ?? before?.labels ?? {},
    annotations: annotations ? clientAnnotations(annotations) : (before?.annotations ?? {}),
  })
}

const toWire = (key: SshKey, seeing: Seeing): z.input<typeof wire.sshKey> => ({
  metadata: metadataAnswer('sshKey', key, seeing),
  spec: { publicKey: key.publicKey },
})
