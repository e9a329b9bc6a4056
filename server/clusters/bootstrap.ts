import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { ImportMode } from '../../contract/clusters.ts'
import { impersonationHeaders } from '../../core/kube/index.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { Secret } from '../../core/seal/index.ts'
import type { Logger } from '../platform/log/index.ts'
import {
  accountObjects,
  accountUser,
  fieldManager,
  impersonationRights,
  installationRights,
  isCoveredByImpersonation,
  type KubernetesObject,
  levelProbes,
  type Missing,
  pathOf,
  type Right,
  renewalRight,
  tokenPath,
} from './account.ts'
import { type Kubeconfig, wipe } from './kubeconfig.ts'
import {
  type CheckDestination,
  type ClusterProblem,
  createKubernetesClient,
  type KubernetesClient,
  unexpected,
} from './kubernetes-client.ts'
import { probeOf } from './probe.ts'
import { isAllowed, readVersion, reviewSelf } from './reviews.ts'

/** A token of the impersonating account. */
export type AccountToken = { readonly token: Secret; readonly expiresAt: Date }

export type ObjectName = { readonly kind: string; readonly name: string; readonly namespace?: string }

/** What a bootstrap found and made. */
export type Bootstrapped = {
  /** As the API server says it: `v1.36.3`. */
  readonly kubernetesVersion: string
  readonly created: readonly ObjectName[]
  /** Whether each object of the account was seen on the cluster as it has to be. */
  readonly compared: boolean
  /** With a token: levels that are not bound. Without: what stands in the way of one. */
  readonly missing: readonly Missing[]
  /** There when the account works: it was seen to impersonate and may renew itself. */
  readonly token: AccountToken | undefined
}

export type Bootstrap = {
  readonly outcome: Bootstrapped
  /** Removes what was made; `leaves` hears of what may be left. Another import that relied on it in the meantime finds out at its next call. */
  undo(): Promise<void>
  /** Forgets the credential. To be called whatever comes of it. */
  forget(): void
}

export type BootstrapDeps = {
  readonly checkDestination: CheckDestination
  readonly logger: Logger
  /** Told of what may be left on the cluster although it was to be taken back. */
  readonly leaves: (objects: readonly ObjectName[]) => void
}

/** For the whole conversation; clients of ours wait 30 s. */
const totalMs = 25_000
const undoMs = 10_000
/** RBAC and tokens of new accounts work once the API servers' caches have heard of them. */
const patienceMs = 5_000
const betweenTriesMs = 100
/** What is asked for; the API server may give less. */
const tokenSeconds = 30 * 24 * 60 * 60

/**
 * Looks at a cluster with a credential that somebody gave and, where it may and `bindings` says so, makes Palisade's own
 * account there. Whatever fails after something was made takes it back.
 *
 * @param tenant for whom the account will impersonate; only names the identity that it is tried with
 */
export async function bootstrap(
  { endpoint, credential }: Kubeconfig,
  {
    tenant,
    bindings,
    importMode = 'full',
  }: { readonly tenant: string; readonly bindings: 'install' | 'print'; readonly importMode?: ImportMode },
  deps: BootstrapDeps,
): Promise<Result<Bootstrap, ClusterProblem>> {
  const { checkDestination, logger } = deps
  const signal = AbortSignal.timeout(totalMs)
  const client = createKubernetesClient(endpoint, credential, { checkDestination, signal })
  const made: MadeObject[] = []
  /** Perhaps made: the cluster's answer says nothing of it. */
  const unsure: ObjectName[] = []

  const undo = async () => {
    const left = unsure.splice(0)
    if (left.length > 0) logger.warn({ cluster: endpoint.server.url, objects: left }, 'perhaps left on the cluster')
    await removeMade(left)
    if (left.length > 0) deps.leaves(left)
  }

  const removeMade = async (left: ObjectName[]) => {
    if (made.length === 0) return
    const remover = createKubernetesClient(endpoint, credential, {
      checkDestination,
      signal: AbortSignal.timeout(undoMs),
    })
    for (const object of made.splice(0).reverse()) {
      const problem = await remove(remover, object)
      if (problem === undefined) continue
      left.push(object.name)
      logger.warn({ cluster: endpoint.server.url, object: object.path, problem }, 'left on the cluster')
    }
    await remover.close()
  }

  try {
    const outcome = await run()
    if (outcome.ok) return ok({ outcome: outcome.value, undo, forget: () => wipe(credential) })
    await undo()
    wipe(credential)
    return outcome
  } catch (cause) {
    await undo()
    wipe(credential)
    throw cause
  } finally {
    await client.close()
  }

  async function run(): Promise<Result<Bootstrapped, ClusterProblem>> {
    const version = await readVersion(client)
    if (!version.ok) return version
    const user = await whoAmI(client)
    if (!user.ok) return user
    const isAccount = user.value === accountUser

    let wanting: readonly Missing[] = []
    let installed = false
    if (bindings === 'install' && !isAccount) {
      const missing = await wantingOf(client, installationRights(importMode))
      if (!missing.ok) return missing
      wanting = missing.value
      if (wanting.length === 0) {
        const applied = await applyAll(client, accountObjects(importMode), made, unsure)
        if (!applied.ok) return applied
        installed = true
      }
    }

    const created = made.map(({ name }) => name)
    const withoutToken = (missing: readonly Missing[]) =>
      ok({ kubernetesVersion: version.value, created, compared: installed, missing, token: undefined })
    const token = await requestToken(client)
    if (!token.ok) {
      // Not there, or not for this credential: the usual case before the YAML was applied.
      if (!installed && token.error.kind === 'no-account')
        return withoutToken(wanting.length > 0 ? wanting : [noAccount])
      return err(token.error.problem)
    }
    const account = createKubernetesClient(endpoint, { token: token.value.token }, { checkDestination, signal })
    try {
      const verified = await verify(account, { tenant, importMode }, installed ? patienceMs : 0)
      if (!verified.ok) return verified
      const { rights, levels } = verified.value
      if (rights.length > 0) return withoutToken([...rights, ...levels])
      return ok({
        ...{ kubernetesVersion: version.value, created, compared: installed },
        ...{ missing: levels, token: token.value },
      })
    } finally {
      await account.close()
    }
  }
}

const noAccount: Missing = {
  ...renewalRight,
  why: 'the account does not exist on the cluster yet, or this credential may not ask for its token: apply the YAML',
}

/**
 * Asks for a token of the account: at import with the credential given, later with the account's own.
 *
 * @returns refuses with `no-account` where there is none, or none for this credential
 */
export async function requestToken(
  client: KubernetesClient,
): Promise<Result<AccountToken, { readonly kind: 'no-account' | 'problem'; readonly problem: ClusterProblem }>> {
  const reply = await client.call('POST', tokenPath, {
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: tokenSeconds },
    },
  })
  if (!reply.ok) return err({ kind: 'problem', problem: reply.error })
  const granted = TokenRequest.safeParse(reply.value.body)
  if (reply.value.status === 201 && granted.success) {
    const { token, expirationTimestamp } = granted.data.status
    return ok({ token: new Secret(token), expiresAt: new Date(expirationTimestamp) })
  }
  const problem = unexpected(reply.value, 'a token of the account')
  const { status } = reply.value
  return err({ kind: status === 403 || status === 404 ? 'no-account' : 'problem', problem })
}

const TokenRequest = z.object({
  status: z.object({
    token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
    expirationTimestamp: z.iso.datetime({ offset: true }),
  }),
})

async function whoAmI(client: KubernetesClient): Promise<Result<string | undefined, ClusterProblem>> {
  const self = await reviewSelf(client)
  if (!self.ok) return self
  if (self.value?.username === 'system:anonymous')
    return err({ kind: 'unauthorized', message: 'The cluster takes this credential for nobody (system:anonymous).' })
  return ok(self.value?.username)
}

/** Those of the rights that the credential does not have. */
async function wantingOf<R extends Right>(
  client: KubernetesClient,
  rights: readonly R[],
): Promise<Result<readonly R[], ClusterProblem>> {
  const answers = await Promise.all(rights.map((right) => isAllowed(client, right)))
  const wanting: R[] = []
  for (const [i, right] of rights.entries()) {
    const answer = answers[i]
    if (answer && !answer.ok) return answer
    if (!answer?.value) wanting.push(right)
  }
  if (!wanting.some(isCoveredByImpersonation)) return ok(wanting)
  const impersonation = await wantingOf(client, impersonationRights)
  if (!impersonation.ok) return impersonation
  return ok(impersonation.value.length > 0 ? wanting : wanting.filter((right) => !isCoveredByImpersonation(right)))
}

type MadeObject = { readonly name: ObjectName; readonly path: string; readonly uid: string }

const AppliedObject = z.looseObject({
  metadata: z.looseObject({ uid: z.string() }),
  status: z.looseObject({ phase: z.string().optional() }).optional(),
})

/** Makes what is not there. `made` and `unsure` are filled as it goes, so that a failure half way can be undone. */
async function applyAll(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
  made: MadeObject[],
  unsure: ObjectName[],
): Promise<Result<undefined, ClusterProblem>> {
  for (const object of objects) {
    const path = pathOf(object)
    const reply = await client.call('PATCH', `${path}?fieldManager=${fieldManager}`, {
      body: object,
      contentType: 'application/apply-patch+yaml', // JSON is YAML
    })
    const { kind, metadata } = object
    const { namespace } = metadata
    const name = { kind, name: metadata.name, ...(namespace === undefined ? {} : { namespace }) }
    if (!reply.ok) {
      unsure.push(name)
      return reply
    }
    const { status, body } = reply.value
    // 409: a field is somebody else's with another value. 422: what a binding refers to cannot be changed.
    if (status === 409 || status === 422) return err(differs(object))
    const applied = AppliedObject.safeParse(body)
    if ((status !== 200 && status !== 201) || !applied.success) {
      if (status === 201 || status >= 500) unsure.push(name)
      return err(unexpected(reply.value, `to make ${kind} ${metadata.name}`))
    }
    if (status === 201) made.push({ name, path, uid: applied.data.metadata.uid })
    if (applied.data.status?.phase === 'Terminating')
      return err({ kind: 'conflict', message: `The ${kind} ${metadata.name} is being deleted: wait until it is gone.` })
    if (!isAsWanted(object, applied.data)) return err(differs(object))
  }
  return ok(undefined)
}

/** Apply leaves alone what it does not name: more subjects or an aggregation would widen what was meant. */
function isAsWanted(
  { apiVersion, kind, metadata, ...wanted }: KubernetesObject,
  found: Readonly<Record<string, unknown>>,
) {
  return (
    found.aggregationRule === undefined &&
    Object.entries(wanted).every(([member, value]) => isDeepStrictEqual(found[member], value))
  )
}

function differs({ kind, metadata }: KubernetesObject): ClusterProblem {
  const where = metadata.namespace === undefined ? '' : ` in the namespace ${metadata.namespace}`
  return {
    kind: 'conflict',
    message: `The cluster already has a ${kind} ${metadata.name}${where} that is not as Palisade needs it, and it is somebody else’s: look at it, and delete it if it may go.`,
  }
}

/** @returns what went wrong */
async function remove(client: KubernetesClient, { path, uid }: MadeObject): Promise<string | undefined> {
  const reply = await client.call('DELETE', path, {
    // Only the very object that was made: one made anew in the meantime is somebody else's.
    body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } },
  })
  if (!reply.ok) return reply.error.message
  return [200, 202, 404, 409].includes(reply.value.status) ? undefined : `the cluster answered ${reply.value.status}`
}

type Verifying = { readonly tenant: string; readonly importMode: ImportMode }
type Verified = { readonly rights: readonly Missing[]; readonly levels: readonly Missing[] }

/** Whether the account can do its work, seen with its own token; tried again for a while, since caches have to hear of it. */
async function verify(
  client: KubernetesClient,
  of: Verifying,
  patience: number,
): Promise<Result<Verified, ClusterProblem>> {
  const deadline = performance.now() + patience
  for (;;) {
    const verified = await verifyOnce(client, of)
    const done = verified.ok
      ? verified.value.rights.length === 0 && verified.value.levels.length === 0
      : verified.error.kind !== 'unauthorized' && verified.error.kind !== 'forbidden'
    if (done || performance.now() >= deadline) return verified
    await delay(betweenTriesMs)
  }
}

async function verifyOnce(
  client: KubernetesClient,
  { tenant, importMode }: Verifying,
): Promise<Result<Verified, ClusterProblem>> {
  const wanting = await wantingOf(client, [...impersonationRights, renewalRight])
  if (!wanting.ok) return wanting
  if (wanting.value.length > 0) {
    const why = 'the account needs it, and does not have it: apply the YAML'
    return ok({ rights: wanting.value.map((right) => ({ ...right, why })), levels: [] })
  }
  const arrived = await impersonationArrives(client, tenant)
  if (!arrived.ok) return arrived
  const levels: Missing[] = []
  for (const { group, right, missing } of levelProbes(importMode)) {
    const allowed = await isAllowed(client, right, {
      impersonate: [
        ['Impersonate-User', probeOf(tenant).user],
        ['Impersonate-Group', group],
      ],
    })
    if (!allowed.ok) return allowed
    if (!allowed.value) levels.push(missing)
  }
  return ok({ rights: [], levels })
}

/** Whether the cluster sees exactly whom the headers name: something between may drop or change them. */
async function impersonationArrives(
  client: KubernetesClient,
  tenant: string,
): Promise<Result<undefined, ClusterProblem>> {
  const probe = probeOf(tenant)
  const headers = impersonationHeaders(probe)
  if (!headers.ok) throw new Error(`the probe of impersonation is not one: ${headers.error.problem}`)
  const seen = await reviewSelf(client, { impersonate: headers.value })
  if (!seen.ok) return seen
  if (seen.value === undefined) return ok(undefined) // an older cluster: its access reviews have to do
  const { username, uid, groups, extra } = seen.value
  const isSame =
    username === probe.user &&
    uid === probe.uid &&
    isDeepStrictEqual(groups.toSorted(), [...probe.groups, 'system:authenticated'].toSorted()) &&
    Object.entries(probe.extra).every(([key, values]) => isDeepStrictEqual(extra[`palisade.dev/${key}`], values))
  if (isSame) return ok(undefined)
  return err({
    kind: 'failed',
    message: 'Impersonation does not reach the API server as it was sent: use an address without a proxy in between.',
  })
}
