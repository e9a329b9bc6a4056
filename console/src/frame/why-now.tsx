import { Button, Loader, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { type Explained, explainQuery, helpersQuery, type Place, useMayAskAbout, useMayAskWho } from '../api/access.ts'
import { Refused } from '../api/client.ts'
import { useMay, useScopeName } from '../api/me.ts'
import type { Recorded } from '../api/recorded.ts'
import { currentSession } from '../api/session.ts'
import { answered } from '../parts/answered.tsx'
import { type AskedPlace, AskFor } from '../parts/ask-for.tsx'
import { CodeBlock, Copyable } from '../parts/copy.tsx'
import { Failure } from '../parts/failure.tsx'
import { Grants, namesOf } from '../parts/grants.tsx'
import { Facts } from '../parts/page.tsx'
import { State } from '../parts/state.tsx'
import type { Question } from '../parts/why.tsx'

type NowProps = {
  readonly question: Question
  /** What the log has of the decision, where it is one of the log. */
  readonly then?: Pick<Recorded, 'effect' | 'because'> | undefined
}

/** How a question is decided now. */
export function WhyNow({ question, then }: NowProps) {
  const { permission, scope, cluster, requestId, subject } = question
  const { isSystem } = currentSession()
  const nameOf = useScopeName()
  const mayAskAbout = useMayAskAbout()
  const place = {
    cluster: cluster?.uid,
    project: scope.kind === 'project' ? scope.uid : undefined,
    workspace: scope.kind === 'workspace' ? scope.uid : undefined,
  }
  const explained = useQuery({
    ...explainQuery({ ...place, permission, user: subject }),
    enabled: !isSystem && (subject === undefined || mayAskAbout === true),
  })
  const shown = answered(explained)
  const on = shown.data?.on?.name ?? (cluster && <Copyable text={cluster.uid} />)
  return (
    <>
      <Facts
        rows={[
          [
            'Needs',
            <span className="mono" key="needs">
              {permission}
            </span>,
          ],
          ...(on === undefined ? [] : [['On', on] as const]),
          ['In', nameOf(scope)],
        ]}
      />
      {isSystem ? (
        <Text size="sm">What a system administrator may do follows from the kind of account, not from roles.</Text>
      ) : subject !== undefined && mayAskAbout === false ? (
        <Text size="sm">What somebody else holds is for those to see who hold user.get and role.get.</Text>
      ) : explained.error && !shown.data ? (
        <Unexplained error={explained.error} subject={subject} retry={() => void explained.refetch()} />
      ) : shown.data ? (
        <>
          {shown.failure}
          <Reasons explained={shown.data} place={place} permission={permission} subject={subject} then={then} />
        </>
      ) : (
        <Loader size="sm" aria-label="Loading" />
      )}
      {requestId && (
        <Section
          title={
            then
              ? 'Request id'
              : subject
                ? 'The request, as they were told it'
                : 'Send them this request id; the audit log has the refusal under it'
          }
        >
          <CodeBlock text={requestId} label="Request id" />
        </Section>
      )}
    </>
  )
}

/** Nobody is explained who is no member any more. */
function Unexplained({
  error,
  subject,
  retry,
}: {
  readonly error: unknown
  readonly subject?: string | undefined
  readonly retry: () => void
}) {
  return subject !== undefined && error instanceof Refused && error.status === 404 ? (
    <Text size="sm">The person, or what it was about, is not there any more: today nobody is asked.</Text>
  ) : (
    <Failure error={error} retry={retry} />
  )
}

type ReasonsProps = {
  readonly explained: Explained
  readonly place: Place
  readonly permission: string
  readonly subject: string | undefined
  readonly then: NowProps['then']
}

function Reasons({ explained, place, permission, subject, then }: ReasonsProps) {
  const { user } = currentSession()
  const [asking, setAsking] = useState<{ readonly role: string; readonly place: AskedPlace }>()
  const { effect, why, because, becauseCount, near, nearCount, roles, scope: where } = explained
  // Of more grants than are named nobody can say here which have gone.
  const gone = then && becauseCount === because.length && <Gone then={then.because} now={because} />
  const headline = then
    ? compared[then.effect][effect]
    : today(effect, subject && (explained.user.name || 'This person'))
  if (effect === 'allow')
    return (
      <>
        <State tone="good">{headline}</State>
        <Section title={then ? 'Today because of' : 'Because of'}>
          <Grants grants={because} count={becauseCount} />
        </Section>
        {gone}
      </>
    )
  return (
    <>
      <State tone="bad">{headline}</State>
      {gone}
      {why === 'subject-inactive' && <Text size="sm">The account is switched off, which may do nothing.</Text>}
      {why === 'unknown-permission' && <Text size="sm">There is no such permission: no role can carry it.</Text>}
      {why === 'no-grant' && near.length === 0 && <Text size="sm">No role that carries it, here or elsewhere.</Text>}
      {near.length > 0 && (
        <Section title="What nearly does it">
          <Grants grants={near} count={nearCount} />
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
          <Helpers place={place} permission={permission} except={subject ?? user.uid} />
        </Section>
      )}
      {asking && <AskFor {...asking} close={() => setAsking(undefined)} />}
    </>
  )
}

type Effect = Explained['effect']

function today(effect: Effect, who: string | undefined): string {
  if (effect === 'allow') return who ? `${who} holds it now` : 'You hold it now'
  return who ? `${who} does not hold it` : 'You do not hold it'
}

/** The recorded decision beside today's. */
const compared: Readonly<Record<Effect, Readonly<Record<Effect, string>>>> = {
  allow: {
    allow: 'Allowed then, and it would be today',
    deny: 'Allowed then; today it would be refused',
  },
  deny: {
    allow: 'Refused then; today it would be allowed',
    deny: 'Refused then, and it would be today',
  },
}

/** How much of what a recorded decision rested on has gone since. */
function Gone({
  then,
  now,
}: {
  readonly then: readonly string[]
  readonly now: readonly { readonly assignment: string }[]
}) {
  const held = new Set(now.map(({ assignment }) => assignment))
  const gone = then.filter((one) => !held.has(one)).length
  if (gone === 0) return null
  return (
    <Text size="sm">
      {then.length === 1
        ? 'The grant that it rested on then is no more.'
        : `${gone} of the ${then.length} grants that it rested on then ${gone === 1 ? 'is' : 'are'} no more.`}
    </Text>
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

export function Section({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section>
      <Text fw={600} size="sm" mb={4}>
        {title}
      </Text>
      {children}
    </section>
  )
}
