import { Text, Title } from '@mantine/core'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { conditionsInWords } from '../../../contract/conditions-in-words.ts'
import { type Assignment, type Held, inPlaces, type OnFilters, type OnWorkspace } from '../api/access.ts'
import type { Whose } from '../api/open.ts'
import { Act } from '../parts/act.tsx'
import { InScope } from '../parts/state.tsx'
import { To } from '../parts/to.tsx'
import { When } from '../parts/when.tsx'
import { ChangeRoles } from './change-roles.tsx'
import { ChangeOnFilters, TakeOnFilters, wordsOf } from './filtered-roles.tsx'

type Named = { readonly uid: string; readonly name: string }
type Props = {
  readonly who: string
  /** Whose roles these are. */
  readonly whose: Whose
  readonly needs: string
  /** All that is held, of a user with what their teams hold: the published lists leave out what ends. */
  readonly assignments: readonly Held[]
  /** Of a team: how many gain and lose with it. */
  readonly members?: number
}

/**
 * The roles of a user or a team, in the tenant, in each project, on workspaces and on what filters select, with where they come
 * from; and the way to change them.
 */
export function HeldRoles(props: Props) {
  const { who, whose, needs, assignments, members } = props
  const held = inPlaces(assignments)
  const onFilters = assignments.filter((one) => one.kind === 'resource-role')
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
      {placesOf(held).map((place) => {
        const there = held.filter((one) => placeOf(one).uid === place.uid)
        const own = there.filter(({ subject }) => subject.uid === whose.uid)
        // Several teams may give one role; it is shown once.
        const inherited = Map.groupBy(
          there.filter(({ subject }) => subject.uid !== whose.uid),
          ({ role }) => role.uid,
        )
        return (
          <div key={place.uid}>
            <InScope kind={place.kind}>{place.name}</InScope>
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
      {onFilters.length > 0 && (
        <div>
          <InScope kind="resource">On what filters select</InScope>
          <ul className="steps">
            {onFilters.map((given) => (
              <li key={given.uid}>
                <div>
                  {wordsOf(given)} <TermsOf ways={[given]} />
                  <span className="quiet">← {given.subject.uid === whose.uid ? 'given here' : throughTeam(given)}</span>
                </div>
                {given.subject.uid === whose.uid && (
                  <>
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
                  </>
                )}
              </li>
            ))}
          </ul>
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

const throughTeam = ({ subject }: Held) => (subject.name === '' ? 'through a team' : `through team ${subject.name}`)

type Place = Named & { readonly kind: 'tenant' | 'project' | 'workspace' }
const wholeTenant: Place = { kind: 'tenant', uid: 'tenant', name: 'Whole tenant' }

function placeOf(one: Assignment | OnWorkspace): Place {
  if (one.kind === 'workspace-role')
    return { kind: 'workspace', uid: one.workspace.uid, name: `${one.workspace.name} in ${one.project.name}` }
  return one.project ? { kind: 'project', ...one.project } : wholeTenant
}

/** The tenant, always, then the projects and the workspaces in which there is something, by name. */
function placesOf(held: readonly (Assignment | OnWorkspace)[]): readonly Place[] {
  const places = new Map([['tenant', wholeTenant], ...held.map((one) => [placeOf(one).uid, placeOf(one)] as const)])
  const breadth: readonly Place['kind'][] = ['tenant', 'project', 'workspace']
  return [...places.values()].toSorted(
    (a, b) => breadth.indexOf(a.kind) - breadth.indexOf(b.kind) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  )
}

/** When a role ends that is held in these ways; null where one of them has no end. */
function endOf(ways: readonly Held[]): string | null {
  const ends = ways.map(({ endsAt }) => endsAt)
  return ends.includes(null) ? null : (ends.toSorted().at(-1) ?? null)
}

/** For which requests alone a role counts that is held in these ways; empty where one of them counts for all. */
function onlyOf(ways: readonly Held[]): string {
  const words = ways.map(({ conditions }) => conditions && conditionsInWords(conditions))
  return words.includes(null) ? '' : words.join('; or ')
}

/** One role, held in one way or in several. */
function RoleLine({ from, ways }: { readonly from: string; readonly ways: readonly (Assignment | OnWorkspace)[] }) {
  const { org = '' } = useParams({ strict: false })
  const role = ways[0]?.role
  if (!role) return null
  return (
    <li>
      <div>
        <To to="/t/$org/roles/$uid" params={{ org, uid: role.uid }}>
          {role.name}
        </To>{' '}
        <TermsOf ways={ways} />
        <span className="quiet">← {from}</span>
      </div>
    </li>
  )
}

/** Until when, and for which requests, something is held in these ways; nothing where it is for good and for all. */
function TermsOf({ ways }: { readonly ways: readonly Held[] }) {
  const [endsAt, only] = [endOf(ways), onlyOf(ways)]
  return (
    <>
      {endsAt !== null && (
        <>
          ends <When at={endsAt} />{' '}
        </>
      )}
      {only !== '' && `only ${only} `}
    </>
  )
}
