import { Text } from '@mantine/core'
import { useMay, useWhereMay } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { ToButton } from '../parts/to.tsx'
import { WhyButton } from '../parts/why.tsx'

/** Why there is nothing, as far as one may know it, and what to do next: import one, or whom to ask for what. */
export function NoCluster({ org, project }: { readonly org: string; readonly project: string | undefined }) {
  const may = useMay()
  const whereMay = useWhereMay()
  const { user, tenant } = currentSession()
  const holds = (permission: string) =>
    project === undefined ? whereMay(permission) : may(permission, project) ? { project } : null
  const where = project === undefined ? 'here' : 'in this project'
  const scope = project === undefined ? { kind: 'tenant', uid: tenant.uid } : { kind: 'project', uid: project }
  const imports = holds('cluster.import')
  if (imports === undefined) return null
  if (imports)
    return (
      <>
        <Text size="sm">No cluster {where} yet. Import one with a kubeconfig, which is thrown away afterwards.</Text>
        <ToButton to="/t/$org/clusters/import" params={{ org }} search={imports} variant="default">
          Import cluster
        </ToButton>
      </>
    )
  const sees = holds('cluster.list')
  return (
    <>
      <Text size="sm">
        {sees
          ? `No cluster ${where} yet. Ask a tenant administrator to import one, or for a role with which you may.`
          : `No cluster ${where} that you may see. Ask a tenant administrator for a role in the project that holds it; they find you as ${user.email}.`}
      </Text>
      <WhyButton permission={sees ? 'cluster.import' : 'cluster.list'} scope={scope} />
    </>
  )
}
