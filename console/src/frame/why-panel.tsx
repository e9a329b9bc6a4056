import { Drawer, List, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { answer, api } from '../api/client.ts'
import { useMay, useScopeName } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import type { Question } from '../parts/why.tsx'

/** Why something is refused, or not: the right, the scope, what one holds there and from where. */
export function WhyPanel({ question, close }: { readonly question: Question; readonly close: () => void }) {
  const { permission, scope, requestId } = question
  const { user, isSystem } = currentSession()
  const nameOf = useScopeName()
  const held = useMay()(permission, scope.kind === 'project' ? scope.uid : undefined)
  const roles = useQuery({ queryKey: ['why', user.uid], queryFn: () => rolesOf(user.uid), enabled: !isSystem })
  return (
    <Drawer opened onClose={close} title="Why?" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="md">
        <Facts
          rows={[
            [
              'Needs',
              <span className="mono" key="needs">
                {permission}
              </span>,
            ],
            ['In', nameOf(scope)],
            [
              'You',
              held ? (
                <State tone="good" key="held">
                  hold it
                </State>
              ) : (
                <State tone="bad" key="held">
                  do not hold it
                </State>
              ),
            ],
          ]}
        />
        {!isSystem && (
          <section>
            <Text fw={600} size="sm">
              What you hold, and from where
            </Text>
            {roles.isPending && <Loader size="sm" aria-label="Loading" />}
            {roles.error && <Failure error={roles.error} />}
            {roles.data &&
              (roles.data.length === 0 ? (
                <Text size="sm">No role, in the tenant or in any project.</Text>
              ) : (
                <List size="sm">
                  {roles.data.map(({ role, where, from }) => (
                    <List.Item key={role + where + from}>
                      {role} in {where} <span className="quiet">← {from}</span>
                    </List.Item>
                  ))}
                </List>
              ))}
          </section>
        )}
        {!held && (
          <Text size="sm">
            A role that carries <span className="mono">{permission}</span> has to be given to you in {nameOf(scope)}, by
            somebody who may change users or teams there and holds that right too: usually a tenant administrator.
          </Text>
        )}
        {requestId && (
          <section>
            <Text size="sm" fw={600} mb={4}>
              Send them this request id; the audit log has the refusal under it
            </Text>
            <CodeBlock text={requestId} label="Request id" />
          </section>
        )}
      </Stack>
    </Drawer>
  )
}

async function rolesOf(uid: string) {
  const path = { params: { path: { uid } } }
  const [tenant, projects] = await Promise.all([
    answer(api.GET('/v1/users/{uid}/roles', path)),
    answer(api.GET('/v1/users/{uid}/projects', path)),
  ])
  const places = [
    { ...tenant, where: 'the tenant' },
    ...projects.projects.map((one) => ({ ...one, where: `project ${one.name}` })),
  ]
  return places.flatMap(({ roles, inheritedRoles, where }) => [
    ...roles.map(({ name }) => ({ role: name, where, from: 'given to you' })),
    ...inheritedRoles.map(({ name }) => ({ role: name, where, from: 'through a team' })),
  ])
}
