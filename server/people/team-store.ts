import { type Refusal, refuse } from '../../contract/errors.ts'
import { TeamUid, UserUid } from '../../contract/ids.ts'
import { nameKey } from '../../contract/wire/common.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type Tx, violatedUnique } from '../platform/postgres/index.ts'
import { newUid } from '../platform/random/index.ts'

export type Team = {
  readonly uid: TeamUid
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Adds a team without members or roles; `team_name_taken` where the name, in any spelling, is another's. */
export async function insertTeam(
  tx: Tx,
  team: Pick<Team, 'name' | 'labels' | 'annotations'>,
  now: Date,
): Promise<Result<TeamUid, Refusal>> {
  const uid = TeamUid.parse(newUid())
  const inserted = await tx.query(
    `insert into teams (tenant_id, team_id, name, name_key, labels, annotations, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (tenant_id, name_key) do nothing returning team_id`,
    [tx.tenant, uid, team.name, nameKey(team.name), team.labels, team.annotations, now],
  )
  return inserted.length > 0 ? ok(uid) : err(refuse('team_name_taken'))
}

/** Writes a team's name, labels and annotations; absent stays. */
export async function updateTeam(
  tx: Tx,
  uid: TeamUid,
  changes: Partial<Pick<Team, 'name' | 'labels' | 'annotations'>>,
  now: Date,
): Promise<Result<undefined, Refusal>> {
  const { name, labels, annotations } = changes
  try {
    await tx.query(
      `update teams set name = coalesce($3, name), name_key = coalesce($4, name_key), labels = coalesce($5, labels),
              annotations = coalesce($6, annotations), updated_at = $7
        where tenant_id = $1 and team_id = $2`,
      [
        ...[tx.tenant, uid, name ?? null, name === undefined ? null : nameKey(name)],
        ...[labels ?? null, annotations ?? null, now],
      ],
    )
  } catch (cause) {
    if (violatedUnique(cause) === 'teams_tenant_id_name_key_key') return err(refuse('team_name_taken'))
    throw cause
  }
  return ok(undefined)
}

/** Removes a team; memberships and roles go with the row. */
export async function deleteTeam(tx: Tx, uid: TeamUid): Promise<void> {
  await tx.query('delete from teams where tenant_id = $1 and team_id = $2', [tx.tenant, uid])
}

export async function countTeams(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: string }>('select count(*) from teams where tenant_id = $1', [tx.tenant])
  return Number(row?.count)
}

export async function readTeam(tx: Tx, uid: TeamUid): Promise<Team | undefined> {
  return (await readTeams(tx, [uid]))[0]
}

/** These teams, or all of them, by name. */
export async function readTeams(tx: Tx, uids?: readonly TeamUid[]): Promise<Team[]> {
  const rows = await tx.query<{
    team_id: string
    name: string
    labels: Record<string, string>
    annotations: Record<string, string>
    created_at: Date
    updated_at: Date
  }>(
    `select team_id, name, labels, annotations, created_at, updated_at from teams
      where tenant_id = $1 and ($2::text[] is null or team_id = any($2)) order by name_key, team_id`,
    [tx.tenant, uids ?? null],
  )
  return rows.map((row) => ({
    uid: TeamUid.parse(row.team_id),
    name: row.name,
    labels: row.labels,
    annotations: row.annotations,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }))
}

/** The members of these teams, each list in the order it was given. */
/** The team of this name, in any spelling of case and Unicode form. */
export async function findTeamByName(tx: Tx, name: string): Promise<TeamUid | undefined> {
  const [row] = await tx.query<{ team_id: string }>(
    'select team_id from teams where tenant_id = $1 and name_key = $2',
    [...[tx.tenant, nameKey(name)]],
  )
  return row && TeamUid.parse(row.team_id)
}

export async function membersOf(tx: Tx, teams: readonly TeamUid[]): Promise<ReadonlyMap<TeamUid, readonly UserUid[]>> {
  const rows = await tx.query<{ team_id: string; user_id: string }>(
    `select team_id, user_id from team_members
      where tenant_id = $1 and team_id = any($2) order by user_position, user_id`,
    [tx.tenant, teams],
  )
  const found = Map.groupBy(rows, (row) => TeamUid.parse(row.team_id))
  return new Map([...found].map(([team, members]) => [team, members.map((one) => UserUid.parse(one.user_id))]))
}

/** How many members each of these teams has; one without any is not there. */
export async function countMembers(tx: Tx, teams: readonly TeamUid[]): Promise<ReadonlyMap<TeamUid, number>> {
  const rows = await tx.query<{ team_id: string; members: string }>(
    `select team_id, count(*) as members from team_members
      where tenant_id = $1 and team_id = any($2) group by team_id`,
    [tx.tenant, teams],
  )
  return new Map(rows.map(({ team_id, members }) => [TeamUid.parse(team_id), Number(members)]))
}

/** The teams of these users, by uid and name, each list in the order it was given. */
export async function teamsOf(
  tx: Tx,
  users: readonly UserUid[],
): Promise<ReadonlyMap<UserUid, readonly { readonly uid: TeamUid; readonly name: string }[]>> {
  const rows = await tx.query<{ user_id: string; team_id: string; name: string }>(
    `select m.user_id, m.team_id, t.name
       from team_members m join teams t on t.tenant_id = m.tenant_id and t.team_id = m.team_id
      where m.tenant_id = $1 and m.user_id = any($2) order by m.team_position, m.team_id`,
    [tx.tenant, users],
  )
  const found = Map.groupBy(rows, (row) => UserUid.parse(row.user_id))
  return new Map(
    [...found].map(([user, teams]) => [
      user,
      teams.map(({ team_id, name }) => ({ uid: TeamUid.parse(team_id), name })),
    ]),
  )
}

/** Makes these the members of a team, in this order. For a user who comes new, it is the last of their teams. */
export async function replaceMembers(tx: Tx, team: TeamUid, users: readonly UserUid[]): Promise<void> {
  await tx.query('delete from team_members where tenant_id = $1 and team_id = $2 and not user_id = any($3)', [
    ...[tx.tenant, team, users],
  ])
  await tx.query(
    `insert into team_members (tenant_id, team_id, user_id, user_position, team_position)
     select $1::text, $2::text, given.user_id, given.position,
            (select coalesce(max(m.team_position) + 1, 0) from team_members m
              where m.tenant_id = $1 and m.user_id = given.user_id)
       from unnest($3::text[]) with ordinality as given(user_id, position)
     on conflict (tenant_id, team_id, user_id) do update set user_position = excluded.user_position`,
    [tx.tenant, team, users],
  )
}

/** Puts a new user into these teams, in this order; in each they are the last. */
export async function joinTeams(tx: Tx, user: UserUid, teams: readonly TeamUid[]): Promise<void> {
  await tx.query(
    `insert into team_members (tenant_id, team_id, user_id, team_position, user_position)
     select $1::text, given.team_id, $2::text, given.position,
            (select coalesce(max(m.user_position) + 1, 0) from team_members m
              where m.tenant_id = $1 and m.team_id = given.team_id)
       from unnest($3::text[]) with ordinality as given(team_id, position)`,
    [tx.tenant, user, teams],
  )
}
