-- 0021: who a change of access is about, so that replicas read and compile those and not the whole tenant (docs/adr/0013). Triggers
-- write it: no statement that changes what decides can leave it out. The previous release keeps working, and writes it too.

create table access_changes (
  tenant_id tenant_uid not null references tenants,
  -- The first epoch that has the change.
  epoch     bigint not null,
  kind      text not null check (kind in ('everything', 'user', 'team', 'role', 'filter', 'resource-role', 'project')),
  uid       text not null,  -- empty for everything
  primary key (tenant_id, epoch, kind, uid)
);
select tenant_scoped('access_changes');
revoke insert, update, delete on access_changes from palisade_app;

-- For the functions below, which write for whatever tenant a changed row is of.
create policy changes on access_changes to current_user using (true) with check (true);
create policy changes on access_epochs for update to current_user using (true);

-- The tenant's epoch row is locked, if the transaction has not done so: the epoch that it will raise is the next one, whoever
-- else changes access meanwhile. A tenant without that row is being born, and nobody knows anything of it yet.
create function note_access_changes(tenant tenant_uid, what text, uids text[]) returns void
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  next bigint;
begin
  select e.epoch + 1 into next from access_epochs e where e.tenant_id = tenant for update;
  if not found then
    return;
  end if;
  if cardinality(uids) > 1000 then
    insert into access_changes values (tenant, next, 'everything', '') on conflict do nothing;
  else
    insert into access_changes select tenant, next, what, unnest(uids) on conflict do nothing;
  end if;
  -- Whoever is further behind reads everything (server/access/change-log.ts).
  if next % 32 = 0 then
    delete from access_changes c where c.tenant_id = tenant and c.epoch <= next - 512;
  end if;
end $$;
revoke all on function note_access_changes(tenant_uid, text, text[]) from public;

-- For a statement: `changed` are its rows; the arguments are pairs of a kind and the column that has its UIDs.
create function note_access_statement() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
declare
  one record;
begin
  for at in 0 .. tg_nargs - 1 by 2 loop
    for one in execute format(
      'select tenant_id, array_agg(distinct %1$I::text) as uids from changed where %1$I is not null group by tenant_id',
      tg_argv[at + 1])
    loop
      perform note_access_changes(one.tenant_id, tg_argv[at], one.uids);
    end loop;
  end loop;
  return null;
end $$;
revoke all on function note_access_statement() from public;

-- For one updated row, likewise.
create function note_access_row() returns trigger
  language plpgsql security definer set search_path = public, pg_temp
  as $$
begin
  for at in 0 .. tg_nargs - 1 by 2 loop
    perform note_access_changes(new.tenant_id, tg_argv[at], array[to_jsonb(new) ->> tg_argv[at + 1]]);
  end loop;
  return null;
end $$;
revoke all on function note_access_row() from public;

-- Rows that come and go; updates too, where there is no column that changes often and decides nothing.
create function note_access_of(target regclass, updates boolean, arguments text) returns void language plpgsql as $$
begin
  execute format('create trigger access_come after insert on %s referencing new table as changed
    for each statement execute function note_access_statement(%s)', target, arguments);
  execute format('create trigger access_gone after delete on %s referencing old table as changed
    for each statement execute function note_access_statement(%s)', target, arguments);
  if updates then
    execute format('create trigger access_was after update on %s referencing old table as changed
      for each statement execute function note_access_statement(%s)', target, arguments);
    execute format('create trigger access_is after update on %s referencing new table as changed
      for each statement execute function note_access_statement(%s)', target, arguments);
  end if;
end $$;
revoke all on function note_access_of(regclass, boolean, text) from public;

select note_access_of('role_assignments', true, $$'user', 'user_id', 'team', 'team_id'$$);
select note_access_of('workspace_roles', true, $$'user', 'user_id', 'team', 'team_id'$$);
select note_access_of('resource_role_projects', true, $$'resource-role', 'resource_role_id'$$);
select note_access_of('resource_role_filters', true, $$'resource-role', 'resource_role_id'$$);
select note_access_of('resource_role_roles', true, $$'resource-role', 'resource_role_id'$$);

select note_access_of('resource_roles', false, $$'user', 'user_id', 'team', 'team_id'$$);
create trigger access_row after update on resource_roles for each row
  when ((old.user_id, old.team_id, old.created_at) is distinct from (new.user_id, new.team_id, new.created_at))
  execute function note_access_row('resource-role', 'resource_role_id');

select note_access_of('users', false, $$'user', 'user_id'$$);
create trigger access_row after update of state, credential_epoch, admin_type on users for each row
  when ((old.state, old.credential_epoch, old.admin_type) is distinct from (new.state, new.credential_epoch, new.admin_type))
  execute function note_access_row('user', 'user_id');

select note_access_of('team_members', false, $$'user', 'user_id'$$);
create trigger access_row after update of team_position on team_members for each row
  when (old.team_position is distinct from new.team_position)
  execute function note_access_row('user', 'user_id');

select note_access_of('roles', false, $$'role', 'role_id'$$);
create trigger access_row after update on roles for each row
  when ((old.name, old.scope, old.permissions, old.is_enabled) is distinct from (new.name, new.scope, new.permissions, new.is_enabled))
  execute function note_access_row('role', 'role_id');

select note_access_of('filters', false, $$'filter', 'filter_id'$$);
create trigger access_row after update on filters for each row
  when ((old.conjunction, old.expressions) is distinct from (new.conjunction, new.expressions))
  execute function note_access_row('filter', 'filter_id');

-- Their names are shown with decisions. What is held in them or by them is in the tables above.
select note_access_of('teams', false, $$'team', 'team_id'$$);
create trigger access_row after update of name on teams for each row
  when (old.name is distinct from new.name) execute function note_access_row('team', 'team_id');
select note_access_of('projects', false, $$'project', 'project_id'$$);
create trigger access_row after update of name on projects for each row
  when (old.name is distinct from new.name) execute function note_access_row('project', 'project_id');

drop function note_access_of(regclass, boolean, text);
