import { Button, Drawer, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { explainQuery, helpersQuery, type Place, useMayAskAbout, useMayAskWho } from '../api/access.ts'
import { useMay, useScopeName } from '../api/me.ts'
import { currentSession } from '../api/session.ts'
import { answered } from '../parts/answered.tsx'
import { type AskedPlace, AskFor } from '../parts/ask-for.tsx'
import { CodeBlock } from '../parts/copy.tsx'
import { Grants, namesOf } from '../parts/grants.tsx'
import { useLayer } from '../parts/layer.ts'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import type { Question } from '../parts/why.tsx'

/** Why something is allowed or refused: the decision's own reasons, as they are now, and who can help. */
export function WhyPanel({ question, close }: { readonly question: Question; readonly close: () => void }) {
  useLayer(close)
  const { permission, scope, cluster, requestId, subject } = question
  const { isSystem } = currentSession()
  const nameOf = useScopeName()
  const mayAskAbout = useMayAskAbout()
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
            ...(cluster?.name ? [['On', cluster.name] as const] : []),
            ['In', nameOf(scope)],
          ]}
        />
        {isSystem ? (
          <Text size="sm">What a system administrator may do follows from the kind of account, not from roles.</Text>
        ) : subject && mayAskAbout === false ? (
          <Text size="sm">What {subject.name} holds is for those to see who hold user.get and role.get.</Text>
        ) : (
          (!subject || mayAskAbout) && <Reasons question={question} />
        )}
        {requestId && (
          <Section
            title={
              subject
                ? 'The request, as they were told it'
                : 'Send them this request id; the audit log has the refusal under it'
            }
          >
            <CodeBlock text={requestId} label="Request id" />
          </Section>
        )}
      </Stack>
    </Drawer>
  )
}

function Reasons({ question: { permission, scope, cluster, subject } }: { readonly question: Question }) {
  const { user } = currentSession()
  const place = {
    cluster: cluster?.uid,
    project: scope.kind === 'project' ? scope.uid : undefined,
    workspace: scope.kind === 'workspace' ? scope.uid : undefined,
  }
  const [asking, setAsking] = useState<{ readonly role: string; readonly place: AskedPlace }>()
  const asked = answered(useQuery(explainQuery({ ...place, permission, user: subject?.uid })))
  if (!asked.data) return asked.failure ?? <Loader size="sm" aria-label="Loading" />
  const { effect, why, because, near, roles, scope: where } = asked.data
  const who = subject?.name ?? 'You'
  if (effect === 'allow')
    return (
      <>
        {asked.failure}
        <State tone="good">{`${who} ${subject ? 'holds' : 'hold'} it now`}</State>
        <Section title="Because of">
          <Grants grants={because} />
        </Section>
      </>
    )
  return (
    <>
      {asked.failure}
      <State tone="bad">{`${who} ${subject ? 'does not hold it' : 'do not hold it'}`}</State>
      {why === 'subject-inactive' && <Text size="sm">The account is switched off, which may do nothing.</Text>}
      {why === 'unknown-permission' && <Text size="sm">There is no such permission: no role can carry it.</Text>}
      {why === 'no-grant' && near.length === 0 && <Text size="sm">No role that carries it, here or elsewhere.</Text>}
      {near.length > 0 && (
        <Section title="What nearly does it">
          <Grants grants={near} />
        </Section>
      )}
      {roles.length > 0 && (
        <Section title="The smallest roles that would allow it">
          <ul className="steps">
            {shownOf(roles).map(({ uid, name, scope: kind, permissions }) => (
              <li key={uid}>
                <div>
                  {name}{' '}
                  <span className="quiet">
                    {`${permissions} ${permissions === 1 ? 'permission' : 'permissions'}, ${givenIn[kind]}`}
                  </span>
                </div>
                {!subject && canBeAskedFor({ scope: kind }) && (
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`Ask for this role: ${name}`}
                    onClick={() => setAsking({ role: name, place: placeOf(kind, where) })}
                  >
                    Ask for this role
                  </Button>
                )}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {why === 'no-grant' && (
        <Section title="Who can give it">
          <Helpers place={place} permission={permission} except={subject?.uid ?? user.uid} />
        </Section>
      )}
      {asking && <AskFor {...asking} close={() => setAsking(undefined)} />}
    </>
  )
}

type Role = { readonly scope: 'system' | 'tenant' | 'project' | 'resource' }
const shownRoles = 3

/** A resource role needs filters, which whoever gives it chooses. */
const canBeAskedFor = ({ scope }: Role) => scope === 'tenant' || scope === 'project'

/** The smallest ones, and the smallest that can be asked for where none of them can. */
function shownOf<R extends Role>(roles: readonly R[]): readonly R[] {
  const smallest = roles.slice(0, shownRoles)
  const other = smallest.some(canBeAskedFor) ? undefined : roles.find(canBeAskedFor)
  return other ? [...smallest, other] : smallest
}

const placeOf = (kind: Role['scope'], { project }: { readonly project?: AskedPlace | undefined }): AskedPlace =>
  kind === 'project' && project !== undefined ? project : 'tenant'

const givenIn: Readonly<Record<'system' | 'tenant' | 'project' | 'resource', string>> = {
  system: 'of system administrators',
  tenant: 'given in the tenant',
  project: 'given in a project, or in the tenant',
  resource: 'given in a project, on what a filter selects',
}

type HelpersProps = { readonly place: Place; readonly permission: string; readonly except: string }

/** People who can give a right; where the caller may not ask for them, what they must hold. */
function Helpers({ place, permission, except }: HelpersProps) {
  const mayAsk = useMayAskWho()
  const may = useMay()
  // Who may do something somewhere is told to those alone who see the place. In the tenant holds everywhere.
  const isSeen = may(place.cluster === undefined ? 'project.get' : 'cluster.get', place.project)
  const asked = isSeen ? place : {}
  const helpers = answered(useQuery({ ...helpersQuery({ ...asked, permission, except }), enabled: mayAsk === true }))
  if (helpers.failure) return helpers.failure
  if (mayAsk === undefined || (mayAsk && !helpers.data)) return <Loader size="sm" aria-label="Loading" />
  const { people = [], isAll = false } = helpers.data ?? {}
  if (people.length > 0)
    return (
      <Text size="sm">
        {namesOf(people.slice(0, shownPeople), 'or')}
        {people.length > shownPeople && `, and ${people.length - shownPeople} more`}: they may change users, and hold it
        themselves.
      </Text>
    )
  return (
    <Text size="sm">
      {isAll && isSeen
        ? 'Nobody else who may change users holds it there, and nobody gives more than they hold.'
        : 'Somebody who may change users and holds it themselves: usually a tenant administrator.'}
    </Text>
  )
}

const shownPeople = 5

function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section>
      <Text fw={600} size="sm" mb={4}>
        {title}
      </Text>
      {children}
    </section>
  )
}
