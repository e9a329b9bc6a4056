/** Where Palisade's own account is on a cluster: nobody's namespace to work in. */
export const ownNamespace = 'palisade-system'

export const isDnsLabel = (name: string): boolean => /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(name)

/** @returns why Palisade keeps no such namespace on a cluster, as a clause; nothing where it does */
export function problemOfNamespace(name: string, protectedNamespaces: readonly string[]): string | undefined {
  if (!isDnsLabel(name)) return 'is no name of a namespace: at most 63 lower-case letters, digits and dashes'
  if (name === ownNamespace || protectedNamespaces.includes(name) || name.startsWith('kube-'))
    return 'is a protected namespace of the cluster'
  return undefined
}
