import type { z } from 'zod'
import { refuse } from '../../contract/errors.ts'
import type { TeamUid, UserUid } from '../../contract/ids.ts'
import { People, PeopleQuery, PersonInList, type peopleOrders } from '../../contract/people.ts'
import { nameKey, uidPath } from '../../contract/wire/common.ts'
import { err, ok } from '../../core/result.ts'
import { type Endpoint, endpoint } from '../gateway/index.ts'
import type { Tx } from '../platform/postgres/index.ts'
import type { DirectoryEntry } from './directory.ts'
import type { LinkLife, PeoplePorts } from './ports.ts'
import { membersOf, readTeam } from './team-store.ts'
import { findUser, isSelf } from './user-routes.ts'
import { fullName, type Person, readUsers, usersInState } from './user-store.ts'

/** Our own lists of people: searched, narrowed and cut by the server, with how long the link of each works. */
export function peopleEndpoints({ keys, links, directory }: PeoplePorts): readonly Endpoint[] {
  async function answers(tx: Tx, uids: readonly UserUid[]) {
    const people = await readUsers(tx, await keys.of(tx.tenant), uids)
    const lives = await links.lives(tx, uids)
    return people.map((person) => personAnswer(person, lives.get(person.uid)))
  }

  /** Who is in such a state; undefined: it is not asked for. */
  async function inState(
    tx: Tx,
    wanted: z.output<typeof PeopleQuery>['state'],
  ): Promise<ReadonlySet<UserUid> | undefined> {
    if (wanted === undefined) return undefined
    if (wanted !== 'invited' && wanted !== 'expired') return new Set(await usersInState(tx, wanted))
    const pending = await usersInState(tx, 'pending')
    const lives = await links.lives(tx, pending)
    return new Set(pending.filter((uid) => (lives.get(uid)?.hasExpired === false) === (wanted === 'invited')))
  }

  return [
    endpoint({
      route: 'GET /v1/palisade/people',
      summary: 'Searches the people of the tenant by a part of name or e-mail, by state and team, a page at a time',
      permission: { tenant: 'user.list' },
      query: PeopleQuery,
      reply: { status: 200, body: People },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, query: { q, state, team, orderBy, descending, limit, offset } }) {
        const members = team && (await membersIn(tx, team))
        if (members === 'no such team') return err(refuse('not_found'))
        const fitting = await inState(tx, state)
        const found = search(await directory.of(tx), q).filter(
          ({ uid }) => (fitting?.has(uid) ?? true) && (members?.has(uid) ?? true),
        )
        found.sort(descending === 'true' ? (a, b) => compare[orderBy](b, a) : compare[orderBy])
        const uids = found.slice(offset, offset + limit).map(({ uid }) => uid)
        return ok({ body: { items: await answers(tx, uids), count: found.length } })
      },
    }),
    endpoint({
      route: 'GET /v1/palisade/people/{uid}',
      summary: 'Reads one person, with how long their link works',
      permission: { object: 'user.get', find: findUser, orOwn: isSelf },
      params: uidPath,
      reply: { status: 200, body: PersonInList },
      refusals: ['not_found'],
      audit: 'refusals-only',
      async handle({ tx, target }) {
        // Cast: `findUser` found this one in the same transaction.
        const [person] = await answers(tx, [target?.uid as UserUid])
        return person ? ok({ body: person }) : err(refuse('not_found'))
      },
    }),
  ]
}

async function membersIn(tx: Tx, team: TeamUid): Promise<ReadonlySet<UserUid> | 'no such team'> {
  if (!(await readTeam(tx, team))) return 'no such team'
  return new Set((await membersOf(tx, [team])).get(team))
}

/** A link that is left with somebody who is switched off does nothing: none is shown. */
function personAnswer(person: Person, link: LinkLife | undefined): z.input<typeof PersonInList> {
  const waits = person.state === 'pending' || (person.state === 'active' && person.passwordResetting)
  return {
    ...{ uid: person.uid, name: fullName(person), email: person.email, state: person.state },
    link: link && waits ? { expiresAt: link.expiresAt.toISOString(), hasExpired: link.hasExpired } : null,
    lastSignInAt: person.lastSignInAt?.toISOString() ?? null,
    createdAt: person.createdAt.toISOString(),
  }
}

/** Everybody whose name or e-mail holds the text; a copy. */
function search(everybody: readonly DirectoryEntry[], text: string): DirectoryEntry[] {
  const wanted = nameKey(text.trim())
  return everybody.filter((one) => one.nameKey.includes(wanted) || one.emailKey.includes(wanted))
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** Equal names and moments stand in one order on every page: that of the uids. */
const compare = {
  name: (a, b) => byText(a.nameKey, b.nameKey) || byText(a.uid, b.uid),
  email: (a, b) => byText(a.emailKey, b.emailKey) || byText(a.uid, b.uid),
  createdAt: (a, b) => a.createdAt.getTime() - b.createdAt.getTime() || byText(a.uid, b.uid),
} as const satisfies Record<(typeof peopleOrders)[number], (a: DirectoryEntry, b: DirectoryEntry) => number>
