import { Button, Group, Loader, Stack, Text } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { useMay } from '../api/me.ts'
import { type Change, type Simulated, simulationQuery, useMissingToSimulate } from '../api/simulate.ts'
import { Failure } from './failure.tsx'
import { onWhat } from './grants.tsx'
import { SubjectLink } from './subject.tsx'
import { To } from './to.tsx'
import { When } from './when.tsx'

/** How far back the log is asked again. */
const replayDays = 7

type Replay = NonNullable<Simulated['replay']>

/**
 * Who would gain and lose what, as counts first and as a list on demand; and of what these people did lately, how much would go
 * otherwise.
 *
 * @param replay whether that is asked at once, or when the reader wants it: it reads much of the log
 */
export function Preview({ change, replay }: { readonly change: Change; readonly replay: 'at once' | 'on demand' }) {
  const [isAsked, setAsked] = useState(replay === 'at once')
  const missing = useMissingToSimulate()
  const mayReadLog = useMay()('audit.list')
  const query = useInfiniteQuery({
    ...simulationQuery(change, isAsked && mayReadLog ? replayDays : 0),
    enabled: missing?.length === 0 && mayReadLog !== undefined,
    placeholderData: keepPreviousData,
  })
  if (missing !== undefined && missing.length > 0)
    return (
      <Text size="sm" className="quiet">
        Who gains and who loses is for those to see who hold {missing.join(', ')} too. Nobody gains more than you hold
        yourself either way.
      </Text>
    )
  if (query.error) return <Failure error={query.error} retry={() => void query.refetch()} />
  const [first] = query.data?.pages ?? []
  if (!first) return <Loader size="sm" aria-label="Looking who gains and who loses" />
  const people = query.data?.pages.flatMap((page) => page.users.items) ?? []
  const left = first.users.count - people.length
  return (
    <Stack gap="xs">
      <Text size="sm" role="status">
        {countsOf(first)}
      </Text>
      {people.length > 0 && (
        <OnDemand label="Who, and what">
          <ul className="steps">
            {people.map((one) => (
              <Person key={one.user.uid} {...one} />
            ))}
          </ul>
          {left > 0 && (
            <Button
              size="xs"
              variant="default"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              More: {left.toLocaleString('en')} are not shown
            </Button>
          )}
        </OnDemand>
      )}
      {first.replay && <Replayed {...first.replay} />}
      {!isAsked && mayReadLog && people.length > 0 && (
        <Group>
          <Button size="compact-xs" variant="default" onClick={() => setAsked(true)}>
            What they did in the last {replayDays} days
          </Button>
        </Group>
      )}
      {isAsked && !first.replay && mayReadLog && <Loader size="sm" aria-label="Reading the log" />}
      {isAsked && mayReadLog === false && (
        <Text size="sm" className="quiet">
          What they did lately is for those to see who hold audit.list.
        </Text>
      )}
    </Stack>
  )
}

function countsOf({ users: { count, gain, lose }, clusters }: Simulated): string {
  const selects =
    clusters && clusters.gained + clusters.lost > 0
      ? ` It selects ${clustersOf(clusters.gained)} besides and ${clustersOf(clusters.lost)} no more.`
      : ''
  if (count === 0) return `Nobody gains or loses anything.${selects}`
  const changes = [
    ...(gain > 0 ? [`${peopleOf(gain)} ${gain === 1 ? 'gains' : 'gain'}`] : []),
    ...(lose > 0 ? [`${peopleOf(lose)} ${lose === 1 ? 'loses' : 'lose'}`] : []),
  ]
  if (changes.length === 0)
    return `What ${peopleOf(count)} ${count === 1 ? 'acts' : 'act'} on becomes something else.${selects}`
  return `${changes.join(', ')}.${selects}`
}

const peopleOf = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'person' : 'people'}`
const clustersOf = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'cluster' : 'clusters'}`

function Person({ user, places, selections }: Simulated['users']['items'][number]) {
  return (
    <li>
      <div>
        <SubjectLink kind="user" {...user} />
        {places.map(({ scope, gains, loses }) => (
          <Difference key={JSON.stringify(scope)} where={whereOf(scope)} {...{ gains, loses }} />
        ))}
        {selections.map(({ assignment, role, scope, filters, gains, loses, selectsOtherwise }) => (
          <Difference
            key={`${assignment} ${role.uid} ${scope.project?.uid}`}
            where={`by ${role.name} in ${scope.project?.name ?? scope.kind}, ${onWhat(filters)}`}
            {...{ gains, loses }}
            {...(selectsOtherwise ? { besides: 'acts on what it selects then' } : {})}
          />
        ))}
      </div>
    </li>
  )
}

const whereOf = ({
  kind,
  project,
  workspace,
}: Simulated['users']['items'][number]['places'][number]['scope']): string => {
  const place = workspace ?? project
  return place ? `in ${kind} ${place.name}` : `in the ${kind}`
}

type DifferenceProps = {
  readonly where: string
  readonly gains: readonly string[]
  readonly loses: readonly string[]
  readonly besides?: string
}

function Difference({ where, gains, loses, besides }: DifferenceProps) {
  const said = [
    ...(gains.length > 0 ? [`gains ${gains.join(', ')}`] : []),
    ...(loses.length > 0 ? [`loses ${loses.join(', ')}`] : []),
    ...(besides === undefined ? [] : [besides]),
  ]
  return (
    <div className="quiet said">
      {where}: {said.join('; ')}
    </div>
  )
}

function Replayed({ requests, more, refused, allowed, items }: Replay) {
  const { org = '' } = useParams({ strict: false })
  const of = `${requests.toLocaleString('en')} recorded ${requests === 1 ? 'request' : 'requests'} of theirs in the last ${replayDays} days${more ? ', the newest that are looked at,' : ''}`
  const counts =
    requests === 0
      ? `The log has nothing of theirs in the last ${replayDays} days.`
      : refused + allowed === 0
        ? `None of ${of} would have gone otherwise.`
        : [
            ...(refused > 0 ? [`${refused.toLocaleString('en')} of ${of} would have been refused`] : []),
            ...(allowed > 0
              ? [
                  refused > 0
                    ? `${allowed.toLocaleString('en')} allowed that were refused`
                    : `${allowed.toLocaleString('en')} of ${of} would have been allowed that were refused`,
                ]
              : []),
          ]
            .join(', ')
            .concat('.')
  const counted = items.reduce((sum, { count }) => sum + count, 0)
  return (
    <>
      <Text size="sm">{counts}</Text>
      {items.length > 0 && (
        <OnDemand label="Which requests">
          <ul className="steps">
            {items.map(({ user, permission, resource, after, count, latest }) => (
              <li key={latest.entry}>
                <div>
                  <span className="mono">{permission}</span> on {resource.name || resource.uid} by{' '}
                  {user.name || user.uid}
                  <div className="quiet">
                    {after === 'deny' ? 'would have been refused' : 'would have been allowed'}
                    {count > 1 && `, ${count.toLocaleString('en')} times`}, last{' '}
                    <To to="/t/$org/audit" params={{ org }} search={{ panel: latest.entry }}>
                      <When at={latest.time} />
                    </To>
                  </div>
                </div>
              </li>
            ))}
          </ul>
          {counted < refused + allowed && (
            <Text size="sm" className="quiet">
              Of further kinds: {(refused + allowed - counted).toLocaleString('en')}.
            </Text>
          )}
        </OnDemand>
      )}
    </>
  )
}

/** A list that opens below the line that says how much it holds. */
function OnDemand({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  const [isOpen, setOpen] = useState(false)
  const Icon = isOpen ? IconChevronDown : IconChevronRight
  return (
    <div>
      <Group>
        <Button
          size="compact-xs"
          variant="default"
          aria-expanded={isOpen}
          leftSection={<Icon size={14} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
        >
          {label}
        </Button>
      </Group>
      {isOpen && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
        <section className="ondemand" tabIndex={0} aria-label={label}>
          {children}
        </section>
      )}
    </div>
  )
}
