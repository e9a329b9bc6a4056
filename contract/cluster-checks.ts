import { refusals } from './errors.ts'

/** What was looked at and holds, in the order in which it was looked at. What is not named was not looked at. */
export const clusterChecks = [
  'kubeconfig',
  'destination',
  'answers',
  'trusted',
  'tokens',
  'supported',
  'credential',
  'objects',
  'account',
] as const
export type ClusterCheckName = (typeof clusterChecks)[number]

/** How each reads when it holds, and the refusal when it does not. */
export const checkSteps: Readonly<Record<ClusterCheckName, { readonly holds: string; readonly code?: string }>> = {
  kubeconfig: { holds: 'the kubeconfig stands for itself', code: refusals.kubeconfig_refused.code },
  destination: {
    holds: 'its server is at an address that may be a cluster',
    code: refusals.destination_refused.code,
  },
  answers: { holds: 'the server answers', code: refusals.cluster_unreachable.code },
  trusted: { holds: 'it proves who it is', code: refusals.cluster_untrusted.code },
  tokens: {
    holds: 'it takes Palisade’s tokens, and none that it must refuse',
    code: refusals.cluster_refuses_tokens.code,
  },
  supported: { holds: 'it is a Kubernetes that can be imported', code: refusals.cluster_unsupported.code },
  credential: { holds: 'it accepts the credential', code: refusals.cluster_refuses.code },
  objects: { holds: 'no object there is somebody else’s', code: refusals.cluster_objects_differ.code },
  account: { holds: 'the account there may act for others, and renew its own token' },
}

/** Up to here one is looked at after the other, always; of what comes later a refusal says nothing. */
const inOrder: readonly ClusterCheckName[] = ['kubeconfig', 'destination', 'answers', 'trusted']

/**
 * How far an import or a check came that was refused.
 *
 * @param kubeconfig whether one was given
 * @returns undefined where the refusal is of none of the checks
 */
export function checksUntil(
  code: string,
  { kubeconfig }: { readonly kubeconfig: boolean },
): { readonly held: readonly ClusterCheckName[]; readonly failed: ClusterCheckName } | undefined {
  const failed = clusterChecks.find((check) => checkSteps[check].code === code)
  if (failed === undefined) return undefined
  const at = inOrder.indexOf(failed)
  const before = at < 0 ? inOrder : inOrder.slice(0, at)
  return { held: before.filter((check) => check !== 'kubeconfig' || kubeconfig), failed }
}
