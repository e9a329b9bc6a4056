import { Drawer, List, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { answer, api } from '../api/client.ts'
import { rolesQuery } from '../api/lists.ts'
import { useMay, useScopeName } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { CodeBlock } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { useFocusBack } from '../parts/focus-back.ts'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import type { Question } from '../parts/why.tsx'

/** Why something is refused, or not: the right, the scope, what one holds there and from where. */
export function WhyPanel({ question, close }: { readonly question: Question; readonly close: () => void }) {
  useFocusBack()
  const { permission, scope, requestId, subject } = question
  const { user, isSystem } = currentSession()
  const nameOf = useScopeName()
  const uid = subject?.uid ?? user.uid
  const held = useQuery({ queryKey: ['why', uid], queryFn: () => rolesOf(uid), enabled: !isSystem })
  const mine = useMay()(permission, scope.kind === 'project' ? scope.uid : undefined)
  const theirs = useHolds(held.data, permission, scope.kind === 'project' ? scope.uid : undefined)
  const holds = subject ? theirs : mine
  const words = subject
    ? { who: subject.name, has: 'holds it now', lacks: 'does not hold it', list: 'What they hold now, and from where' }
    : { who: 'You', has: 'hold it', lacks: 'do not hold it', list: 'What you hold, and from where' }
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
            ...(holds === undefined
              ? []
              : [
                  [
                    words.who,
                    <State tone={holds ? 'good' : 'bad'} key="held">
                      {holds ? words.has : words.lacks}
                    </State>,
                  ] as const,
                ]),
          ]}
        />
        {!isSystem && (
          <section>
            <Text fw={600} size="sm">
              {words.list}
            </Text>
            {held.isPending && <Loader size="sm" aria-label="Loading" />}
            {held.error && <Failure error={held.error} />}
            {held.data &&
              (held.data.length === 0 ? (
                <Text size="sm">No role, in the tenant or in any project.</Text>
              ) : (
                <List size="sm">
                  {held.data.map(({ name, where, from }) => (
                    <List.Item key={name + where + from}>
                      {name} in {where} <span className="quiet">← {from}</span>
                    </List.Item>
                  ))}
                </List>
              ))}
          </section>
        )}
        {!holds && (
          <Text size="sm">
            A role that carries <span className="mono">{permission}</span> has to be given{' '}
            {subject ? 'to them' : 'to you'} in {nameOf(scope)}, by somebody who may change users or teams there and
            holds that right too: usually a tenant administrator.
          </Text>
        )}
        {requestId && (
          <section>
            <Text size="sm" fw={600} mb={4}>
              {subject
                ? 'The request, as they were told it'
                : 'Send them this request id; the audit log has the refusal under it'}
            </Text>
            <CodeBlock text={requestId} label="Request id" />
          </section>
        )}
      </Stack>
    </Drawer>
  )
}

type Held = {
  readonly role: string
  readonly name: string
  /** The project it is held in; none: the tenant. */
  readonly project: string | undefined
  readonly where: string
  readonly from: string
}

/** Whether what somebody holds carries a right somewhere; undefined while that is not known. */
function useHolds(held: readonly Held[] | undefined, permission: string, project: string | undefined) {
  const { data: roles } = useQuery(rolesQuery)
  if (!held || !roles) return undefined
  return held.some(
    (one) =>
      (one.project === undefined || one.project === project) &&
      roles.find(({ uid }) => uid === one.role)?.permissions.has(permission),
  )
}

async function rolesOf(uid: string): Promise<readonly Held[]> {
  const path = { params: { path: { uid } } }
  const [tenant, projects] = await Promise.all([
    answer(api.GET('/v1/users/{uid}/roles', path)),
    answer(api.GET('/v1/users/{uid}/projects', path)),
  ])
  const places = [
    { ...tenant, project: undefined, where: 'the tenant' },
    ...projects.projects.map((one) => ({ ...one, project: one.uid, where: `project ${one.name}` })),
  ]
  return places.flatMap(({ roles, inheritedRoles, project, where }) => [
    ...roles.map(({ uid, name }) => ({ role: uid, name, project, where, from: 'given directly' })),
    ...inheritedRoles.map(({ uid, name }) => ({ role: uid, name, project, where, from: 'through a team' })),
  ])
}
