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
type InProject = Named & { readonly roles: readonly Named[]; readonly inheritedRoles: readonly Named[] }
type Props = {
  readonly who: string
  /** Whose roles these are. */
  readonly whose: Whose
  readonly needs: string
  readonly tenant: { readonly roles: readonly Named[]; readonly inheritedRoles?: readonly Named[] }
  readonly projects: readonly InProject[]
  /** Given in projects on what filters select. */
  readonly onFilters: readonly OnFilters[]
  /** Of a user: the same, held through teams; undefined where the reader may not ask. */
  readonly inheritedOnFilters?: readonly Grant[] | undefined
  /** With their ends; undefined while they are not known. */
  readonly assignments: readonly Assignment[] | undefined
  /** Of a team: how many gain and lose with it. */
  readonly members?: number
}

/** The roles of a user or a team, in the tenant and in each project, with where they come from; and the way to change them. */
export function HeldRoles(props: Props) {
  const { who, whose, needs, tenant, projects, onFilters, inheritedOnFilters = [], assignments, members } = props
  const [editing, setEditing] = useState<'roles' | { readonly act: 'change' | 'take'; readonly given: OnFilters }>()
  const close = () => setEditing(undefined)
  const inTenant = { uid: 'tenant', name: '', roles: tenant.roles, inheritedRoles: tenant.inheritedRoles ?? [] }
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
      {[inTenant, ...projects].map((place) => (
        <div key={place.uid}>
          <InScope kind={place.uid === 'tenant' ? 'tenant' : 'project'}>
            {place.uid === 'tenant' ? 'Whole tenant' : place.name}
          </InScope>
          {place.roles.length + place.inheritedRoles.length === 0 ? (
            <Text size="sm" className="quiet">
              None
            </Text>
          ) : (
            <ul className="steps">
              {place.roles.map((role) => (
                <RoleLine
                  key={role.uid}
                  role={role}
                  from="given here"
                  endsAt={endOf(assignments ?? [], role.uid, place.uid, whose.kind)}
                  only={onlyOf(assignments ?? [], role.uid, place.uid, whose.kind)}
                />
              ))}
              {place.inheritedRoles.map((role) => (
                <RoleLine
                  key={`team-${role.uid}`}
                  role={role}
                  from="through a team"
                  endsAt={endOf(assignments ?? [], role.uid, place.uid, 'team')}
                  only={onlyOf(assignments ?? [], role.uid, place.uid, 'team')}
                />
              ))}
            </ul>
          )}
        </div>
      ))}
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
      {editing === 'roles' && assignments && (
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

/** When a role ends that is held there like this; null where one of the ways has no end. */
function endOf(assignments: readonly Assignment[], role: string, place: string, kind: 'user' | 'team'): string | null {
  const ends = assignments
    .filter((one) => one.role.uid === role && (one.project?.uid ?? 'tenant') === place && one.subject.kind === kind)
    .map(({ endsAt }) => endsAt)
  return ends.includes(null) ? null : (ends.toSorted().at(-1) ?? null)
}

/** For which requests alone it counts that is held there like this; empty where one of the ways counts for all. */
function onlyOf(assignments: readonly Assignment[], role: string, place: string, kind: 'user' | 'team'): string {
  const ways = assignments.filter(
    (one) => one.role.uid === role && (one.project?.uid ?? 'tenant') === place && one.subject.kind === kind,
  )
  const words = ways.map(({ conditions }) => conditions && conditionsInWords(conditions))
  return words.includes(null) ? '' : words.join('; or ')
}

type LineProps = {
  readonly role: Named
  readonly from: string
  readonly endsAt: string | null
  readonly only: string
}

function RoleLine({ role, from, endsAt, only }: LineProps) {
  const { org = '' } = useParams({ strict: false })
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
