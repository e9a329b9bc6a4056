import { z } from 'zod'
import { Secret } from '../core/seal/index.ts'
import { clusterChecks } from './cluster-checks.ts'
import { displayName, stringMap } from './wire/common.ts'

/** Our own `/v1/palisade/clusters`. */

/** Becomes a value that does not show itself as soon as it is read. */
const secret = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .transform((text) => new Secret(text))

/** In characters; a byte limit follows where it is parsed. */
const kubeconfig = secret(256 * 1024)

/** What to do on the cluster: make the account and the bindings, or only say what is needed. */
const Bindings = z.enum(['install', 'print'])
export type Bindings = z.infer<typeof Bindings>

/** Where nothing is said, what the tenant has set holds (`automaticClusterRoleBinding`). */
const bindings = Bindings.optional()

export const clusterName = displayName(128)

const maxLabels = 64
export const tooManyLabels = (labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(labels).length > maxLabels

export const NewCluster = z.strictObject({
  metadata: z.strictObject({
    name: clusterName,
    labels: stringMap.refine((labels) => !tooManyLabels(labels), `may be at most ${maxLabels}`),
  }),
  spec: z.strictObject({ kubeconfig, bindings }),
})

const accountCredential = { kubeconfig: kubeconfig.optional(), token: secret(16_384).optional(), bindings }

/**
 * A kubeconfig, or just a token for the server that the cluster was imported with. In token mode neither is needed; a
 * kubeconfig then only says by which authority the server is believed.
 */
export const ClusterCheck = z
  .strictObject(accountCredential)
  .refine(({ kubeconfig, token }) => kubeconfig === undefined || token === undefined, 'must not have both credentials')

/** How Palisade proves to a cluster who calls: an account there that acts as others, or a token of the caller's own. */
export const CredentialMode = z.enum(['impersonation', 'token'])
export type CredentialMode = z.infer<typeof CredentialMode>

export const CredentialModeChange = z.discriminatedUnion('mode', [
  z.strictObject({
    mode: z.literal('token'),
    /** Whether people may be given tokens for the cluster itself, past Palisade. */
    direct: z.boolean().default(false),
  }),
  z
    .strictObject({ mode: z.literal('impersonation'), ...accountCredential, bindings: Bindings.default('install') })
    .refine(
      ({ kubeconfig, token }) => (kubeconfig === undefined) !== (token === undefined),
      'must have either kubeconfig or token',
    ),
])

/** `pending`: imported by manifest, and nobody has said yet where it is. */
export const ClusterState = z.enum(['pending', 'needs-bindings', 'ready'])
export type ClusterState = z.infer<typeof ClusterState>

/** What may be done on an imported cluster at all. */
export const ImportMode = z.enum(['full', 'read-only'])
export type ImportMode = z.infer<typeof ImportMode>

/** An object on the cluster. */
export const ClusterObject = z.strictObject({
  kind: z.string(),
  name: z.string(),
  namespace: z.string().optional(),
})

/** A right that is wanting on the cluster, as RBAC spells it, and what it is needed for. */
export const MissingRight = z.strictObject({
  verb: z.string(),
  apiGroup: z.string(),
  resource: z.string(),
  namespace: z.string().optional(),
  name: z.string().optional(),
  why: z.string(),
})
export type MissingRight = z.infer<typeof MissingRight>

/** What an import or a check came to. */
export const ClusterChecked = z.strictObject({
  uid: z.string(),
  state: ClusterState,
  /** As the API server says it: `v1.36.3`. */
  kubernetesVersion: z.string(),
  credentialMode: CredentialMode,
  checks: z.array(z.enum(clusterChecks)),
  /** There where it was seen just now that Palisade can speak for its callers: the levels that are bound on the cluster. */
  levels: z.array(z.enum(['view', 'edit', 'admin'])).optional(),
  /** Made on the cluster just now. */
  created: z.array(ClusterObject),
  /** Of a ready cluster: levels that are not bound there. Else what stands in the way. */
  missing: z.array(MissingRight),
  warnings: z.array(z.string()),
  /** What to apply, where something is missing. */
  yaml: z.string().optional(),
})

/** What a change of the credential mode came to. */
export const CredentialModeChanged = z.strictObject({
  uid: z.string(),
  credentialMode: CredentialMode,
  directTokens: z.boolean(),
  /** Made on the cluster just now. */
  created: z.array(ClusterObject),
  /** Levels that are not bound there. */
  missing: z.array(MissingRight),
  /** In token mode: the account that is no longer used, namespace/name, and how it is removed. */
  leftOnCluster: z.strictObject({ account: z.string(), remove: z.string() }).optional(),
})

/** What an API server has to be told to take Palisade's tokens. Nothing in it is secret. */
export const ClusterAuthentication = z.strictObject({
  uid: z.string(),
  name: z.string(),
  credentialMode: CredentialMode,
  directTokens: z.boolean(),
  issuer: z.string(),
  audience: z.string(),
  /** The file for `--authentication-config`, YAML. */
  configuration: z.string(),
  /** What the levels are bound to, YAML for `kubectl apply`. */
  bindings: z.string(),
})

/** `level`: at most this level; without it all that the caller has. */
export const NewDirectToken = z.strictObject({ level: z.enum(['view', 'edit', 'admin']).optional() })

/** A token for the cluster's own API server, and how that is reached. */
export const DirectToken = z.strictObject({
  token: z.string(),
  expiresAt: z.iso.datetime(),
  levels: z.array(z.enum(['view', 'edit', 'admin'])),
  server: z.string(),
  /** PEM. */
  certificateAuthority: z.string(),
  tlsServerName: z.string().optional(),
})

/** How Palisade reaches a cluster. The credential itself never leaves. */
export const ClusterAccess = z.strictObject({
  uid: z.string(),
  name: z.string(),
  state: ClusterState,
  importMode: ImportMode,
  /** These three are not there while the cluster is `pending`. */
  server: z.string().optional(),
  kubernetesVersion: z.string().optional(),
  /** When its API server last did what was asked of it for an import, a check or a renewal. */
  contactedAt: z.iso.datetime().optional(),
  missing: z.array(MissingRight),
  yaml: z.string().optional(),
  credentialMode: CredentialMode,
  directTokens: z.boolean(),
  /** There when the cluster is ready, and reached by impersonation. */
  credential: z
    .strictObject({
      /** namespace/name of the ServiceAccount. */
      account: z.string(),
      expiresAt: z.iso.datetime(),
      renewAt: z.iso.datetime(),
      /** Why the last renewal failed; absent when it did not. */
      problem: z.string().optional(),
    })
    .optional(),
})
