import { type Context, metadata, type Provider, sparse, unlessGone } from './provider.ts'
import type { Resource } from './resource.ts'

export type RegistrationToken = {
  readonly name: string
  readonly description: string
  readonly project: string
  /** A day. */
  readonly expiry: string
  readonly isActive: boolean
}

const tokens = '/v1/edgehosts/tokens'
const tokenSpec = ({ project, expiry }: RegistrationToken) => ({
  defaultProjectUid: project,
  expiry: `${expiry}T00:00:00.000Z`,
})
const tokenBody = (config: RegistrationToken) => ({
  metadata: metadata(config.name, { annotations: { description: config.description } }),
  spec: tokenSpec(config),
})

type TokenItem = { metadata: { name: string; uid: string }; status: { isActive: boolean }; spec: { token: string } }

export const registrationToken: Resource<RegistrationToken> = {
  name: 'spectrocloud_registration_token',
  context: 'tenant',
  async create(provider, config) {
    await provider.call('without context', 'POST', tokens, tokenBody(config))
    const { items } = await provider.call('without context', 'GET', tokens)
    const found = (items as TokenItem[]).find(
      ({ metadata: { name }, status }) => name === config.name && status.isActive,
    )
    if (!found?.spec.token) throw new Error(`the token ${config.name} is not in the list`)
    const { uid } = found.metadata
    await provider.call('without context', 'PUT', `${tokens}/${uid}/state`, sparse({ isActive: config.isActive }))
    return uid
  },
  async read(provider, uid) {
    const found = await unlessGone(provider.call('without context', 'GET', `${tokens}/${uid}`))
    return (
      found && {
        name: found.metadata.name,
        description: found.metadata.annotations.description,
        project: found.spec.defaultProject.uid,
        expiry: found.spec.expiry.slice(0, 10),
        isActive: found.status.isActive,
      }
    )
  },
  async update(provider, uid, from, to) {
    if (from.isActive !== to.isActive)
      await provider.call('without context', 'PUT', `${tokens}/${uid}/state`, sparse({ isActive: to.isActive }))
    await provider.call('in context', 'PUT', `${tokens}/${uid}`, tokenBody(to))
  },
  async delete(provider, uid) {
    await provider.call('without context', 'DELETE', `${tokens}/${uid}`)
  },
}

export type SshKey = { readonly name: string; readonly publicKey: string }

const keys = '/v1/users/assets/sshkeys'
const keyBody = ({ name, publicKey }: SshKey) => ({ metadata: metadata(name), spec: { publicKey } })

export const sshKey = (context: Context): Resource<SshKey> => ({
  name: `spectrocloud_ssh_key (${context})`,
  context,
  create: async (provider, config) => (await provider.call('in context', 'POST', keys, keyBody(config))).uid,
  async read(provider, uid) {
    const found = await unlessGone(provider.call('in context', 'GET', `${keys}/${uid}`))
    return found && { name: found.metadata.name, publicKey: found.spec.publicKey }
  },
  async update(provider, uid, _, to) {
    await provider.call('in context', 'PUT', `${keys}/${uid}`, keyBody(to))
  },
  async delete(provider, uid) {
    await provider.call('in context', 'DELETE', `${keys}/${uid}`)
  },
})

export type AwsAccount = {
  readonly name: string
  readonly partition: string
  readonly policyARNs: readonly string[]
  readonly credential:
    | { readonly type: 'secret'; readonly accessKey: string; readonly secretKey: string }
    | { readonly type: 'sts'; readonly arn: string; readonly externalId: string }
}

const accounts = '/v1/cloudaccounts/aws'

const awsBody = (context: Context, { name, partition, policyARNs, credential }: AwsAccount) => ({
  metadata: metadata(name, { annotations: { scope: context, overlordUid: '' } }),
  spec: {
    credentialType: credential.type,
    ...(credential.type === 'secret'
      ? { accessKey: credential.accessKey, secretKey: credential.secretKey }
      : { sts: { arn: credential.arn, externalId: credential.externalId } }),
    ...{ partition, policyARNs },
  },
})

const checkedAws = async (provider: Provider, body: ReturnType<typeof awsBody>) => {
  await provider.call('in context', 'POST', '/v1/clouds/aws/account/validate', body.spec)
  return body
}

export const awsAccount = (context: Context): Resource<AwsAccount> => ({
  name: `spectrocloud_cloudaccount_aws (${context})`,
  context,
  async create(provider, config) {
    const body = await checkedAws(provider, awsBody(context, config))
    return (await provider.call('in context', 'POST', accounts, body)).uid
  },
  async read(provider, uid, { credential }) {
    const found = await unlessGone(provider.call('in context', 'GET', `${accounts}/${uid}`))
    if (!found) return undefined
    if (found.metadata.annotations.scope !== context)
      throw new Error(`its scope is ${found.metadata.annotations.scope}`)
    const { credentialType, partition, policyARNs, accessKey, sts } = found.spec
    return {
      name: found.metadata.name,
      ...{ partition, policyARNs },
      // What is secret is never read back.
      credential:
        credential.type === 'secret'
          ? { type: credentialType, accessKey, secretKey: credential.secretKey }
          : { type: credentialType, arn: sts.arn, externalId: credential.externalId },
    }
  },
  async update(provider, uid, _, to) {
    const body = await checkedAws(provider, awsBody(context, to))
    await provider.call('in context', 'PUT', `${accounts}/${uid}`, body)
  },
  async delete(provider, uid) {
    await provider.call('in context', 'DELETE', `${accounts}/${uid}`)
  },
  async import(provider, name) {
    const { items } = await provider.call('in context', 'GET', `${accounts}?limit=0`)
    const [found] = items.filter((one: { metadata: { name: string } }) => one.metadata.name === name)
    return found.metadata.uid
  },
})
