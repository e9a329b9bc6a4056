import { Text, Title } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import type { Assignment, Grant } from '../api/access.ts'
import type { Whose } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { Grants } from '../parts/grants.tsx'
import { InScope } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { ChangeRoles } from './change-roles.tsx'
import { ChangeOnFilters, type OnFilters, TakeOnFilters, wordsOf } from './filtered-roles.tsx'

type Named = { readonly uid: string; readonly name: string }
type Props = {
  readonly who: string
  /** Whose roles these are. */
  readonly whose: Whose
  readonly needs: string
  /** Given in projects on what filters select. */
  readonly onFilters: readonly OnFilters[]
  /** Of a user: the same, held through teams; undefined where the reader may not ask. */
  readonly inheritedOnFilters?: readonly Grant[] | undefined
  /** In the tenant and in projects, of a user with those of their teams: the published lists leave out what ends. */
  readonly assignments: readonly Assignment[]
  /** Of a team: how many gain and lose with it. */
  readonly members?: number
}

/** The roles of a user or a team, in the tenant and in each project, with where they come from; and the way to change them. */
export function HeldRoles(props: Props) {
  const { who, whose, needs, onFilters, inheritedOnFilters = [], assignments, members } = props
  const [editing, setEditing] = useState<'roles' | { readonly act: 'change' | 'take'; readonly given: OnFilters }>()
  const close = () => setEditing(undefined)
  return (
    <section className="sheet pad" aria-labelledby="roles">
      <div className="head">
        <Title order={2} size="h5" id="roles">
          Roles
        </Title>
        <Act needs={needs} variant="default" onClick={() => setEditing('roles')}>
          Change roles
        </Act>
      </div>
      {placesOf(assignments).map((place) => {
        const there = assignments.filter((one) => (one.project?.uid ?? 'tenant') === place.uid)
        const own = there.filter(({ subject }) => subject.uid === whose.uid)
        // Several teams may give one role; it is shown once.
        const inherited = Map.groupBy(
          there.filter(({ subject }) => subject.uid !== whose.uid),
          ({ role }) => role.uid,
        )
        return (
          <div key={place.uid}>
            <InScope kind={place.uid === 'tenant' ? 'tenant' : 'project'}>
              {place.uid === 'tenant' ? 'Whole tenant' : place.name}
            </InScope>
            {there.length === 0 ? (
              <Text size="sm" className="quiet">
                None
              </Text>
            ) : (
              <ul className="steps">
                {own.map((one) => (
                  <RoleLine key={one.uid} from="given here" ways={[one]} />
                ))}
                {[...inherited].map(([role, ways]) => (
                  <RoleLine key={`team-${role}`} from="through a team" ways={ways} />
                ))}
              </ul>
            )}
          </div>
        )
      })}
      {onFilters.length + inheritedOnFilters.length > 0 && (
        <div>
          <InScope kind="resource">On what filters select</InScope>
          <ul className="steps">
            {onFilters.map((given) => (
              <li key={given.uid}>
                <div>
                  {wordsOf(given)} <span className="quiet">← given here</span>
                </div>
                <Act
                  needs={needs}
                  name={`Change ${wordsOf(given)}`}
                  variant="default"
                  onClick={() => setEditing({ act: 'change', given })}
                >
                  Change
                </Act>
                <Act
                  needs={needs}
                  name={`Take away ${wordsOf(given)}`}
                  variant="default"
                  onClick={() => setEditing({ act: 'take', given })}
                >
                  Take away
                </Act>
              </li>
            ))}
          </ul>
          <Grants grants={inheritedOnFilters} />
        </div>
      )}
      {editing === 'roles' && (
        <ChangeRoles who={who} whose={whose} members={members} assignments={assignments} close={close} />
      )}
      {typeof editing === 'object' && editing.act === 'change' && (
        <ChangeOnFilters who={who} whose={whose} members={members} before={editing.given} close={close} />
      )}
      {typeof editing === 'object' && editing.act === 'take' && (
        <TakeOnFilters who={who} whose={whose} members={members} before={editing.given} close={close} />
      )}
    </section>
  )
}

/** The tenant, always, and the projects in which there is something, by name. */
function placesOf(assignments: readonly Assignment[]): readonly Named[] {
  const projects = new Map(assignments.flatMap(({ project }) => (project ? [[project.uid, project] as const] : [])))
  return [
    { uid: 'tenant', name: '' },
    ...[...projects.values()].toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)),
  ]
}

/** When a role ends that is held in these ways; null where one of them has no end. */
function endOf(ways: readonly Assignment[]): string | null {
  const ends = ways.map(({ endsAt }) => endsAt)
  return ends.includes(null) ? null : (ends.toSorted().at(-1) ?? null)
}

/** For which requests alone a role counts that is held in these ways; empty where one of them counts for all. */
function onlyOf(ways: readonly Assignment[]): string {
  const words = ways.map(({ conditions }) => conditions && conditionsInWords(conditions))
  return words.includes(null) ? '' : words.join('; or ')
}

/** One role, held in one way or in several. */
function RoleLine({ from, ways }: { readonly from: string; readonly ways: readonly Assignment[] }) {
  const { org = '' } = useParams({ strict: false })
  const role = ways[0]?.role
  const [endsAt, only] = [endOf(ways), onlyOf(ways)]
  if (!role) return null
  return (
    <li>
      <div>
        <To to="/t/$org/roles/$uid" params={{ org, uid: role.uid }}>
          {role.name}
        </To>{' '}
        {endsAt !== null && (
          <>
            ends <When at={endsAt} />{' '}
          </>
        )}
        {only !== '' && `only ${only} `}
        <span className="quiet">← {from}</span>
      </div>
    </li>
  )
}
