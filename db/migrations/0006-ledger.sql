-- 0006: the audit log. First release. The application inserts into audit_pending and reads the log, nothing else;
-- palisade_sequencer, which may touch these tables only, moves entries from one to the other.

-- What is acknowledged and not yet in the log. No foreign key to tenants: it would take a lock that all writers of a tenant
-- share, and the policy lets nobody write for another tenant. `body` is ciphertext: compressing it would be in vain.
create table audit_pending (
  pending_id bigint generated always as identity primary key,
  tenant_id  tenant_uid not null,
  entry_id   uid not null,
  body       bytea not null           -- sealed: the entry's text without index and prev
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
alter table audit_pending alter column body set storage external;
alter table audit_pending enable row level security;
alter table audit_pending force row level security;
create policy tenant on audit_pending for insert to palisade_app
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_pending to palisade_sequencer using (true);
grant insert on audit_pending to palisade_app;
grant select, delete on audit_pending to palisade_sequencer;

-- The columns beside `line` repeat what stands in it, for searching. What counts is the line.
create table audit_log (
  tenant_id     tenant_uid not null,
  index         bigint not null check (index >= 0),
  entry_id      uid not null,
  leaf          bytea not null check (octet_length(leaf) = 32),
  line          bytea,                -- sealed; null once destroyed: the leaf stays
  occurred_at   timestamptz not null,
  action_type   text not null,
  event         text not null,
  outcome       text not null,
  resource_kind text not null,
  resource_uid  text not null,
  actor_id      text,                 -- of a person; null for the system and services
  project_id    text,
  primary key (tenant_id, index),
  constraint audit_log_entry unique (tenant_id, entry_id)
);
alter table audit_log alter column line set storage external;
create index audit_log_by_time on audit_log (tenant_id, occurred_at);
create index audit_log_by_resource on audit_log (tenant_id, resource_uid, index);
create index audit_log_by_actor on audit_log (tenant_id, actor_id, index) where actor_id is not null;
create index audit_log_by_project on audit_log (tenant_id, project_id, index) where project_id is not null;
alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy tenant on audit_log for select to palisade_app using (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_log to palisade_sequencer using (true) with check (true);
grant select on audit_log to palisade_app;
grant select, insert on audit_log to palisade_sequencer;

-- One row a log: where it ends and what was last signed of it.
create table audit_heads (
  tenant_id           tenant_uid primary key,
  generation          integer not null check (generation > 0),
  size                bigint not null check (size >= 0),
  frontier            bytea not null,
  last_leaf           bytea not null check (octet_length(last_leaf) = 32),
  last_time           timestamptz,    -- of the last entry: an entry that claims to be much older is flagged
  signing_key         bytea not null, -- sealed Ed25519 seed of this log and generation
  verifier_key        text not null,  -- public, in verifier-key form
  checkpoint          text,           -- the last signed note
  checkpoint_size     bigint not null default 0,
  checkpoint_frontier bytea,
  signed_at           timestamptz
) with (fillfactor = 50);             -- updated in place many times
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy tenant on audit_heads for select to palisade_app using (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_heads to palisade_sequencer using (true) with check (true);
grant select (tenant_id, generation, size, verifier_key, checkpoint, checkpoint_size, signed_at) on audit_heads to palisade_app;
grant select, insert, update on audit_heads to palisade_sequencer;

-- A person's note on an entry: beside the log, whose lines never change. The writing of a note is an entry of its own.
create table audit_notes (
  tenant_id  tenant_uid not null references tenants,
  entry_id   uid not null,
  note       bytea not null,          -- sealed
  updated_at timestamptz not null,
  primary key (tenant_id, entry_id)
);
select tenant_scoped('audit_notes');

-- Which processes of the installation are alive: each writes `seen_at` every few seconds, by the database's clock.
create table replicas (
  replica_id uid primary key,
  seen_at    timestamptz not null
) with (fillfactor = 50);
grant select, insert, update, delete on replicas to palisade_app;

-- Intents whose end is not recorded yet: written with the intent, removed with the entry that ends it (docs/adr/0003).
create table open_intents (
  tenant_id  tenant_uid not null,
  entry_id   uid not null,
  replica_id uid not null,            -- whose call it is
  opened_at  timestamptz not null default clock_timestamp(),
  primary key (tenant_id, entry_id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
select tenant_scoped('open_intents');
create policy lost on open_intents for select to current_user using (true);

-- Intents that nobody will end: of processes not seen for a while, and of `own`, which says with `live` what it still knows
-- of. Answers ids alone.
create function lost_intents(own text, live text[], silence interval, most integer)
  returns table (tenant_id text, entry_id text)
  language sql volatile security definer set search_path = public, pg_temp
  as $$
    select o.tenant_id::text, o.entry_id::text
      from open_intents o
     where (o.replica_id <> own
            and not exists (select from replicas r where r.replica_id = o.replica_id and r.seen_at > clock_timestamp() - silence))
        or (o.replica_id = own and o.opened_at < clock_timestamp() - silence and o.entry_id <> all (live))
     order by random() -- those that cannot be closed yet stand in nobody's way
     limit most
  $$;
revoke all on function lost_intents(text, text[], interval, integer) from public;
grant execute on function lost_intents(text, text[], interval, integer) to palisade_app;

-- Entries of one tenant in one round trip, for the Kubernetes door: sets the tenant for this transaction, stores the entries,
-- opens and ends intents as they say, and answers the tenant's epoch, read by a statement of its own after the insert. Runs with the
-- caller's rights: row-level security holds in it as everywhere.
-- The bodies come as one value, cut by their lengths: an array of bytea would cross the wire as escaped hexadecimal text.
create function record_entries(tenant text, replica text, entries text[], lengths integer[], bodies bytea, opens text[], ends text[])
  returns bigint
  language plpgsql volatile set search_path = public, pg_temp
  -- Its plans are kept, and made while open_intents is small: they must not walk through what was deleted there since.
  set enable_seqscan = off
  as $$
declare current_epoch bigint;
begin
  perform set_config('app.tenant_id', tenant, true);
  if cardinality(opens) > 0 then
    insert into open_intents (tenant_id, entry_id, replica_id) select tenant, o.entry_id, replica from unnest(opens) as o (entry_id);
  end if;
  if cardinality(ends) > 0 then
    delete from open_intents o where o.tenant_id = tenant and o.entry_id = any (ends);
  end if;
  insert into audit_pending (tenant_id, entry_id, body)
    select tenant, e.entry_id, substring(bodies from (e.until - e.length + 1)::integer for e.length)
      from (select u.entry_id, u.length, u.place, sum(u.length) over (order by u.place) as until
              from unnest(entries, lengths) with ordinality as u (entry_id, length, place)) e
     order by e.place;
  select a.epoch into current_epoch from access_epochs a where a.tenant_id = tenant;
  return current_epoch;
end $$;
revoke all on function record_entries(text, text, text[], integer[], bytea, text[], text[]) from public;
grant execute on function record_entries(text, text, text[], integer[], bytea, text[], text[]) to palisade_app;
