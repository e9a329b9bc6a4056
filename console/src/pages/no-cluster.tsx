import { Text } from '@mantine/core'
import { useMay, useMayAnywhere } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { ToButton } from '../parts/to.tsx'
import { WhyButton } from '../parts/why.tsx'

/** Why there is nothing, as far as one may know it, and what to do next: import one, or whom to ask for what. */
export function NoCluster({ org, project }: { readonly org: string; readonly project: string | undefined }) {
  const may = useMay()
  const anywhere = useMayAnywhere()
  const { user, tenant } = currentSession()
  const holds = (permission: string) => (project === undefined ? anywhere(permission) : may(permission, project))
  const where = project === undefined ? 'here' : 'in this project'
  const scope = project === undefined ? { kind: 'tenant', uid: tenant.uid } : { kind: 'project', uid: project }
  if (holds('cluster.import') === undefined) return null
  if (holds('cluster.import'))
    return (
      <>
        <Text size="sm">No cluster {where} yet. Import one with a kubeconfig, which is thrown away afterwards.</Text>
        <ToButton to="/t/$org/clusters/import" params={{ org }} search={{ project }} variant="default">
          Import cluster
        </ToButton>
      </>
    )
  const sees = holds('cluster.list') === true
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
