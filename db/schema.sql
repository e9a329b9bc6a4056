-- The schema that db/migrations make, read from the catalogue by `npm run docs`; a test compares. Made, not to be edited or run.
-- "owner" is the role that migrates. Rights of the owner on its own objects are not listed.

grant usage on schema public to palisade_app;
grant usage on schema public to palisade_sequencer;

create domain tenant_uid as text CHECK (((VALUE = 'system'::text) OR ((length(VALUE) = 24) AND (translate(VALUE, '0123456789abcdef'::text, ''::text) = ''::text)))) NOT VALID;
create domain uid as text CHECK (((length(VALUE) = 24) AND (translate(VALUE, '0123456789abcdef'::text, ''::text) = ''::text))) NOT VALID;

CREATE OR REPLACE FUNCTION access_changes_since(since xid8)
 RETURNS TABLE(tenant_id text, epoch bigint, facts_epoch bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select a.tenant_id::text, a.epoch, a.facts_epoch from access_epochs a where a.xid >= since $function$;
grant execute on function access_changes_since(since xid8) to palisade_app;

CREATE OR REPLACE FUNCTION access_requests_to_expire(due timestamp with time zone, most integer)
 RETURNS TABLE(tenant_id text, request_id text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
    select r.tenant_id::text, r.request_id::text from access_requests r
     where r.state = 'open' and r.expires_at <= due order by r.expires_at limit most
  $function$;
grant execute on function access_requests_to_expire(due timestamp with time zone, most integer) to palisade_app;

CREATE OR REPLACE FUNCTION canvas_session_by_cookie(wanted bytea)
 RETURNS TABLE(tenant_id text, canvas_session_id text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select c.tenant_id::text, c.canvas_session_id::text from canvas_sessions c where c.cookie_hash = wanted $function$;
grant execute on function canvas_session_by_cookie(wanted bytea) to palisade_app;

CREATE OR REPLACE FUNCTION clusters_to_reconcile(due timestamp with time zone, most integer)
 RETURNS TABLE(tenant_id text, cluster_id text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
    select r.tenant_id::text, r.cluster_id::text from cluster_reconciliations r
     where r.due_at <= due and (r.claimed_until is null or r.claimed_until <= due) order by r.due_at limit most
  $function$;
grant execute on function clusters_to_reconcile(due timestamp with time zone, most integer) to palisade_app;

CREATE OR REPLACE FUNCTION clusters_to_renew(due timestamp with time zone, most integer)
 RETURNS TABLE(tenant_id text, cluster_id text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
    select c.tenant_id::text, c.cluster_id::text from clusters c
     where c.credential_renew_at <= due order by c.credential_renew_at limit most
  $function$;
grant execute on function clusters_to_renew(due timestamp with time zone, most integer) to palisade_app;

CREATE OR REPLACE FUNCTION labels_key(labels jsonb)
 RETURNS bytea
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN sha256(convert_to((labels)::text, 'UTF8'::name));
grant execute on function labels_key(labels jsonb) to palisade_app;

CREATE OR REPLACE FUNCTION lost_intents(own text, live text[], silence interval, most integer)
 RETURNS TABLE(tenant_id text, entry_id text)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
    select o.tenant_id::text, o.entry_id::text
      from open_intents o
     where (o.replica_id <> own
            and not exists (select from replicas r where r.replica_id = o.replica_id and r.seen_at > clock_timestamp() - silence))
        or (o.replica_id = own and o.opened_at < clock_timestamp() - silence and o.entry_id <> all (live))
     order by random() -- those that cannot be closed yet stand in nobody's way
     limit most
  $function$;
grant execute on function lost_intents(own text, live text[], silence interval, most integer) to palisade_app;

CREATE OR REPLACE FUNCTION note_access_changes(tenant tenant_uid, what text, uids text[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
end $function$;
-- Nobody but the owner may call it.

CREATE OR REPLACE FUNCTION note_access_row()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  for at in 0 .. tg_nargs - 1 by 2 loop
    perform note_access_changes(new.tenant_id, tg_argv[at], array[to_jsonb(new) ->> tg_argv[at + 1]]);
  end loop;
  return null;
end $function$;
-- Nobody but the owner may call it.

CREATE OR REPLACE FUNCTION note_access_statement()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
end $function$;
-- Nobody but the owner may call it.

CREATE OR REPLACE FUNCTION record_entries(tenant text, replica text, packs text[], starts integer[], lengths integer[], bodies bytea, opens text[], ends text[])
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
begin
  perform set_config('app.tenant_id', tenant, true);
  if cardinality(opens) > 0 then
    insert into open_intents (tenant_id, entry_id, replica_id) select tenant, o.entry_id, replica from unnest(opens) as o (entry_id);
  end if;
  if cardinality(ends) > 0 then
    delete from open_intents o where o.tenant_id = tenant and o.entry_id = any (ends);
  end if;
  insert into audit_pending (tenant_id, pack_id, body)
    select tenant, p.pack_id, substring(bodies from p.start for p.length)
      from unnest(packs, starts, lengths) as p (pack_id, start, length);
  return (select a.epoch from access_epochs a where a.tenant_id = tenant);
end $function$;
grant execute on function record_entries(tenant text, replica text, packs text[], starts integer[], lengths integer[], bodies bytea, opens text[], ends text[]) to palisade_app;

CREATE OR REPLACE FUNCTION tally_clusters()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  if tg_op = 'UPDATE' then
    -- Most updates renew a token.
    if not exists (select from added a join removed r using (tenant_id, cluster_id)
                    where (a.project_id, a.labels_key) is distinct from (r.project_id, r.labels_key)) then
      return null;
    end if;
  end if;
  -- Whoever changes tallies waits here for others who do: revisions are seen in the order of commits.
  if tg_op = 'DELETE' then
    insert into cluster_revisions as v select distinct tenant_id, 1 from removed
      on conflict (tenant_id) do update set revision = v.revision + 1;
  else
    insert into cluster_revisions as v select distinct tenant_id, 1 from added
      on conflict (tenant_id) do update set revision = v.revision + 1;
  end if;
  if tg_op <> 'INSERT' then
    update cluster_tallies t set n = t.n - gone.n
      from (select tenant_id, project_id, labels_key, count(*) as n from removed group by 1, 2, 3) gone
     where t.tenant_id = gone.tenant_id and t.project_id = gone.project_id and t.labels_key = gone.labels_key;
  end if;
  if tg_op <> 'DELETE' then
    insert into cluster_tallies as t
      select tenant_id, project_id, labels_key, labels, count(*) from added group by 1, 2, 3, 4
      on conflict (tenant_id, project_id, labels_key) do update set n = t.n + excluded.n;
  end if;
  if tg_op <> 'INSERT' then
    delete from cluster_tallies t using removed r
     where t.tenant_id = r.tenant_id and t.project_id = r.project_id and t.labels_key = r.labels_key and t.n = 0;
  end if;
  return null;
end $function$;
-- Nobody but the owner may call it.

CREATE OR REPLACE FUNCTION tenant_by_org(key text)
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select t.tenant_id::text from tenants t where t.org_key = key and t.tenant_id <> 'system' $function$;
grant execute on function tenant_by_org(key text) to palisade_app;

CREATE OR REPLACE FUNCTION tenant_of_oidc_state(wanted bytea)
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select s.tenant_id::text from oidc_state s where s.state_id = wanted or s.alias_id = wanted limit 1 $function$;
grant execute on function tenant_of_oidc_state(wanted bytea) to palisade_app;

CREATE OR REPLACE FUNCTION tenant_scoped(target regclass)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant on %s to palisade_app using (tenant_id = current_setting(''app.tenant_id'', true)) with check (tenant_id = current_setting(''app.tenant_id'', true))',
    target);
  execute format('grant select, insert, update, delete on %s to palisade_app', target);
end $function$;
-- Nobody but the owner may call it.

CREATE OR REPLACE FUNCTION tenants_of_login(wanted bytea)
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select d.tenant_id::text from login_directory d where d.directory_index = wanted and d.tenant_id <> 'system' limit 2 $function$;
grant execute on function tenants_of_login(wanted bytea) to palisade_app;

create table access_changes (
  tenant_id tenant_uid not null,
  epoch bigint not null,
  kind text not null,
  uid text not null,
  constraint access_changes_pkey PRIMARY KEY (tenant_id, epoch, kind, uid),
  constraint access_changes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint access_changes_kind_check CHECK ((kind = ANY (ARRAY['everything'::text, 'user'::text, 'team'::text, 'role'::text, 'filter'::text, 'resource-role'::text, 'project'::text])))
);
alter table access_changes enable row level security;
alter table access_changes force row level security;
create policy changes on access_changes for all to owner
  using (true)
  with check (true);
create policy tenant on access_changes for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select on access_changes to palisade_app;

create table access_epochs (
  tenant_id tenant_uid not null,
  epoch bigint not null default 1,
  facts_epoch bigint not null default 1,
  xid xid8 not null default pg_current_xact_id(),
  constraint access_epochs_pkey PRIMARY KEY (tenant_id),
  constraint access_epochs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE INDEX access_epochs_xid ON access_epochs USING btree (xid);
alter table access_epochs enable row level security;
alter table access_epochs force row level security;
create policy changes on access_epochs for update to owner
  using (true);
create policy feed on access_epochs for select to owner
  using (true);
create policy tenant on access_epochs for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on access_epochs to palisade_app;

create table access_requests (
  tenant_id tenant_uid not null,
  request_id uid not null,
  user_id uid not null,
  mailbox bytea not null,
  role_id uid not null,
  project_id uid,
  seconds integer not null,
  reason bytea not null,
  state text not null default 'open'::text,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  decided_by uid,
  decided_at timestamp with time zone,
  note bytea,
  ends_at timestamp with time zone,
  changed_at timestamp with time zone not null,
  constraint access_requests_pkey PRIMARY KEY (tenant_id, request_id),
  constraint access_requests_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint access_requests_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE,
  constraint access_requests_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint access_requests_seconds_check CHECK ((seconds > 0)),
  constraint access_requests_state_check CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'denied'::text, 'withdrawn'::text, 'expired'::text])))
);
CREATE INDEX access_requests_by_change ON access_requests USING btree (tenant_id, changed_at);
CREATE INDEX access_requests_by_project ON access_requests USING btree (tenant_id, project_id);
CREATE INDEX access_requests_by_user ON access_requests USING btree (tenant_id, user_id, created_at);
CREATE UNIQUE INDEX access_requests_once ON access_requests USING btree (tenant_id, user_id, role_id, project_id) NULLS NOT DISTINCT WHERE (state = 'open'::text);
CREATE INDEX access_requests_open ON access_requests USING btree (tenant_id, created_at) WHERE (state = 'open'::text);
CREATE INDEX access_requests_to_expire ON access_requests USING btree (expires_at) WHERE (state = 'open'::text);
alter table access_requests enable row level security;
alter table access_requests force row level security;
create policy expiry on access_requests for select to owner
  using (true);
create policy tenant on access_requests for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on access_requests to palisade_app;

create table api_keys (
  tenant_id tenant_uid not null,
  key_id uid not null,
  user_id uid not null,
  name text not null,
  annotations jsonb not null default '{}'::jsonb,
  labels jsonb not null default '{}'::jsonb,
  secret_hash bytea not null,
  is_active boolean not null default true,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  created_by uid not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint api_keys_pkey PRIMARY KEY (tenant_id, key_id),
  constraint api_keys_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX api_keys_by_user ON api_keys USING btree (tenant_id, user_id);
alter table api_keys enable row level security;
alter table api_keys force row level security;
create policy tenant on api_keys for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on api_keys to palisade_app;

create table audit_heads (
  tenant_id tenant_uid not null,
  generation integer not null,
  size bigint not null,
  frontier bytea not null,
  last_leaf bytea not null,
  last_time timestamp with time zone,
  signing_key bytea not null,
  verifier_key text not null,
  checkpoint text,
  checkpoint_size bigint not null default 0,
  checkpoint_frontier bytea,
  signed_at timestamp with time zone,
  constraint audit_heads_pkey PRIMARY KEY (tenant_id),
  constraint audit_heads_generation_check CHECK ((generation > 0)),
  constraint audit_heads_last_leaf_check CHECK ((octet_length(last_leaf) = 32)),
  constraint audit_heads_size_check CHECK ((size >= 0))
) with (fillfactor=50);
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy sequencer on audit_heads for all to palisade_sequencer
  using (true)
  with check (true);
create policy tenant on audit_heads for select to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update on audit_heads to palisade_sequencer;
grant select (tenant_id, generation, size, verifier_key, checkpoint, checkpoint_size, signed_at) on audit_heads to palisade_app;

create table audit_log (
  tenant_id tenant_uid not null,
  index bigint not null,
  entry_id text not null,
  leaf bytea not null,
  line bytea storage external,
  occurred_at timestamp with time zone not null,
  action_type text not null,
  event text not null,
  outcome text not null,
  resource_kind text not null,
  resource_uid text not null,
  actor_id text,
  project_id text,
  constraint audit_log_pkey PRIMARY KEY (tenant_id, index),
  constraint audit_log_entry UNIQUE (tenant_id, entry_id),
  constraint audit_log_index_check CHECK ((index >= 0)),
  constraint audit_log_leaf_check CHECK ((octet_length(leaf) = 32))
);
CREATE INDEX audit_log_by_actor ON audit_log USING btree (tenant_id, actor_id, index) WHERE (actor_id IS NOT NULL);
CREATE INDEX audit_log_by_project ON audit_log USING btree (tenant_id, project_id, index) WHERE (project_id IS NOT NULL);
CREATE INDEX audit_log_by_resource ON audit_log USING btree (tenant_id, resource_uid, index);
CREATE INDEX audit_log_by_time ON audit_log USING btree (tenant_id, occurred_at);
alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy sequencer on audit_log for all to palisade_sequencer
  using (true)
  with check (true);
create policy tenant on audit_log for select to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select on audit_log to palisade_app;
grant select, insert on audit_log to palisade_sequencer;

create table audit_notes (
  tenant_id tenant_uid not null,
  entry_id uid not null,
  note bytea not null,
  updated_at timestamp with time zone not null,
  constraint audit_notes_pkey PRIMARY KEY (tenant_id, entry_id),
  constraint audit_notes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table audit_notes enable row level security;
alter table audit_notes force row level security;
create policy tenant on audit_notes for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on audit_notes to palisade_app;

create table audit_pending (
  pending_id bigint not null generated always as identity,
  tenant_id tenant_uid not null,
  pack_id text not null,
  body bytea not null storage external,
  constraint audit_pending_pkey PRIMARY KEY (pending_id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000, toast_tuple_target=8160);
alter table audit_pending enable row level security;
alter table audit_pending force row level security;
create policy sequencer on audit_pending for all to palisade_sequencer
  using (true);
create policy tenant on audit_pending for insert to palisade_app
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant insert on audit_pending to palisade_app;
grant select, delete on audit_pending to palisade_sequencer;

create table blocked_passwords (
  tenant_id tenant_uid not null,
  password_index bytea not null,
  created_at timestamp with time zone not null,
  constraint blocked_passwords_pkey PRIMARY KEY (tenant_id, password_index),
  constraint blocked_passwords_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint blocked_passwords_tenant_id_check CHECK (((tenant_id)::text = 'system'::text))
);
alter table blocked_passwords enable row level security;
alter table blocked_passwords force row level security;
create policy tenant on blocked_passwords for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on blocked_passwords to palisade_app;

create table canvas_sessions (
  tenant_id tenant_uid not null,
  canvas_session_id uid not null,
  session_id uid not null,
  cookie_hash bytea not null,
  tokens bytea not null,
  token_ends_at timestamp with time zone not null,
  generation integer not null default 1,
  refreshing_until timestamp with time zone,
  created_at timestamp with time zone not null,
  constraint canvas_sessions_pkey PRIMARY KEY (tenant_id, canvas_session_id),
  constraint canvas_sessions_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions(tenant_id, session_id) ON DELETE CASCADE,
  constraint canvas_sessions_cookie_hash_check CHECK ((octet_length(cookie_hash) = 32))
);
CREATE UNIQUE INDEX canvas_sessions_by_cookie ON canvas_sessions USING btree (cookie_hash);
CREATE INDEX canvas_sessions_by_session ON canvas_sessions USING btree (tenant_id, session_id);
alter table canvas_sessions enable row level security;
alter table canvas_sessions force row level security;
create policy by_cookie on canvas_sessions for select to owner
  using (true);
create policy tenant on canvas_sessions for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on canvas_sessions to palisade_app;

create table canvas_sign_ins (
  tenant_id tenant_uid not null,
  sign_in_id uid not null,
  cookie_hash bytea not null,
  payload bytea not null,
  expires_at timestamp with time zone not null,
  constraint canvas_sign_ins_pkey PRIMARY KEY (tenant_id, sign_in_id),
  constraint canvas_sign_ins_cookie_hash_check CHECK ((octet_length(cookie_hash) = 32)),
  constraint canvas_sign_ins_tenant_id_check CHECK (((tenant_id)::text = 'system'::text))
);
CREATE UNIQUE INDEX canvas_sign_ins_by_cookie ON canvas_sign_ins USING btree (tenant_id, cookie_hash);
CREATE INDEX canvas_sign_ins_by_time ON canvas_sign_ins USING btree (tenant_id, expires_at);
alter table canvas_sign_ins enable row level security;
alter table canvas_sign_ins force row level security;
create policy tenant on canvas_sign_ins for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on canvas_sign_ins to palisade_app;

create table cloud_accounts (
  tenant_id tenant_uid not null,
  account_id uid not null,
  project_id uid,
  cloud text not null,
  name text not null,
  name_key text not null,
  spec jsonb not null,
  secrets bytea,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint cloud_accounts_pkey PRIMARY KEY (tenant_id, account_id),
  constraint cloud_accounts_name UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, cloud, name_key),
  constraint cloud_accounts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint cloud_accounts_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE,
  constraint cloud_accounts_cloud_check CHECK ((cloud ~ '^[a-z][a-z0-9-]{1,62}$'::text))
);
CREATE INDEX cloud_accounts_by_label ON cloud_accounts USING gin (labels jsonb_path_ops);
alter table cloud_accounts enable row level security;
alter table cloud_accounts force row level security;
create policy tenant on cloud_accounts for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cloud_accounts to palisade_app;

create table cloud_types (
  tenant_id tenant_uid not null,
  type_id uid not null,
  name text not null,
  display_name text not null,
  category text not null,
  is_managed boolean not null,
  created_by uid,
  created_at timestamp with time zone not null,
  constraint cloud_types_pkey PRIMARY KEY (tenant_id, type_id),
  constraint cloud_types_name UNIQUE (tenant_id, name),
  constraint cloud_types_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint cloud_types_category_check CHECK ((category = ANY (ARRAY['cloud'::text, 'datacenter'::text, 'edge'::text]))),
  constraint cloud_types_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{1,62}$'::text))
);
alter table cloud_types enable row level security;
alter table cloud_types force row level security;
create policy tenant on cloud_types for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cloud_types to palisade_app;

create table cluster_namespaces (
  tenant_id tenant_uid not null,
  namespace_id uid not null,
  cluster_id uid not null,
  "position" integer not null,
  name text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  allocation jsonb,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint cluster_namespaces_pkey PRIMARY KEY (tenant_id, namespace_id),
  constraint cluster_namespaces_tenant_id_cluster_id_name_key UNIQUE (tenant_id, cluster_id, name),
  constraint cluster_namespaces_tenant_id_cluster_id_fkey FOREIGN KEY (tenant_id, cluster_id) REFERENCES clusters(tenant_id, cluster_id) ON DELETE CASCADE,
  constraint cluster_namespaces_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table cluster_namespaces enable row level security;
alter table cluster_namespaces force row level security;
create policy tenant on cluster_namespaces for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_namespaces to palisade_app;

create table cluster_profiles (
  tenant_id tenant_uid not null,
  profile_id uid not null,
  project_id uid,
  name text not null,
  name_key text not null,
  version text not null,
  profile_type text not null,
  cloud_type text not null,
  outline jsonb not null,
  content bytea not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint cluster_profiles_pkey PRIMARY KEY (tenant_id, profile_id),
  constraint cluster_profiles_name UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, name_key, version),
  constraint cluster_profiles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint cluster_profiles_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE,
  constraint cluster_profiles_profile_type_check CHECK ((profile_type = ANY (ARRAY['cluster'::text, 'infra'::text, 'add-on'::text, 'system'::text])))
);
CREATE INDEX cluster_profiles_by_label ON cluster_profiles USING gin (labels jsonb_path_ops);
alter table cluster_profiles enable row level security;
alter table cluster_profiles force row level security;
create policy tenant on cluster_profiles for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_profiles to palisade_app;

create table cluster_rbacs (
  tenant_id tenant_uid not null,
  rbac_id uid not null,
  workspace_id uid,
  cluster_id uid,
  "position" integer not null,
  name text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  bindings jsonb not null,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint cluster_rbacs_pkey PRIMARY KEY (tenant_id, rbac_id),
  constraint cluster_rbacs_tenant_id_cluster_id_fkey FOREIGN KEY (tenant_id, cluster_id) REFERENCES clusters(tenant_id, cluster_id) ON DELETE CASCADE,
  constraint cluster_rbacs_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint cluster_rbacs_tenant_id_workspace_id_fkey FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces(tenant_id, workspace_id) ON DELETE CASCADE,
  constraint cluster_rbacs_check CHECK (((workspace_id IS NULL) <> (cluster_id IS NULL)))
);
CREATE INDEX cluster_rbacs_by_cluster ON cluster_rbacs USING btree (tenant_id, cluster_id) WHERE (cluster_id IS NOT NULL);
CREATE INDEX cluster_rbacs_by_workspace ON cluster_rbacs USING btree (tenant_id, workspace_id) WHERE (workspace_id IS NOT NULL);
alter table cluster_rbacs enable row level security;
alter table cluster_rbacs force row level security;
create policy tenant on cluster_rbacs for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_rbacs to palisade_app;

create table cluster_reconciliations (
  tenant_id tenant_uid not null,
  cluster_id uid not null,
  version bigint not null default 1,
  due_at timestamp with time zone not null,
  claimed_until timestamp with time zone,
  failures integer not null default 0,
  errors jsonb not null default '[]'::jsonb,
  reconciled_at timestamp with time zone,
  constraint cluster_reconciliations_pkey PRIMARY KEY (tenant_id, cluster_id),
  constraint cluster_reconciliations_tenant_id_cluster_id_fkey FOREIGN KEY (tenant_id, cluster_id) REFERENCES clusters(tenant_id, cluster_id) ON DELETE CASCADE,
  constraint cluster_reconciliations_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE INDEX cluster_reconciliations_due ON cluster_reconciliations USING btree (due_at);
alter table cluster_reconciliations enable row level security;
alter table cluster_reconciliations force row level security;
create policy reconciliation on cluster_reconciliations for select to owner
  using (true);
create policy tenant on cluster_reconciliations for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_reconciliations to palisade_app;

create table cluster_revisions (
  tenant_id tenant_uid not null,
  revision bigint not null,
  constraint cluster_revisions_pkey PRIMARY KEY (tenant_id),
  constraint cluster_revisions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table cluster_revisions enable row level security;
alter table cluster_revisions force row level security;
create policy tenant on cluster_revisions for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_revisions to palisade_app;

create table cluster_tallies (
  tenant_id tenant_uid not null,
  project_id uid not null,
  labels_key bytea not null,
  labels jsonb not null,
  n integer not null,
  constraint cluster_tallies_pkey PRIMARY KEY (tenant_id, project_id, labels_key),
  constraint cluster_tallies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table cluster_tallies enable row level security;
alter table cluster_tallies force row level security;
create policy tenant on cluster_tallies for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on cluster_tallies to palisade_app;

create table clusters (
  tenant_id tenant_uid not null,
  cluster_id uid not null,
  project_id uid not null,
  name text not null,
  name_key text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  state text not null,
  server_url text,
  ca_pem text,
  server_name text,
  kubernetes_version text,
  account text,
  credential bytea,
  credential_expires_at timestamp with time zone,
  credential_renew_at timestamp with time zone,
  credential_problem text,
  contacted_at timestamp with time zone,
  missing jsonb not null default '[]'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  credential_mode text not null default 'impersonation'::text,
  direct_tokens boolean not null default false,
  labels_key bytea generated always as (labels_key(labels)) stored,
  import_mode text not null default 'full'::text,
  cloud_type text not null default 'generic'::text,
  location jsonb,
  constraint clusters_pkey PRIMARY KEY (tenant_id, cluster_id),
  constraint clusters_tenant_id_project_id_name_key_key UNIQUE (tenant_id, project_id, name_key),
  constraint clusters_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint clusters_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id),
  constraint clusters_check1 CHECK (((credential IS NULL) = (credential_expires_at IS NULL))),
  constraint clusters_check2 CHECK (((credential IS NULL) = (credential_renew_at IS NULL))),
  constraint clusters_check3 CHECK (((credential IS NULL) = (account IS NULL))),
  constraint clusters_cloud_type_check CHECK ((cloud_type = ANY (ARRAY['generic'::text, 'aws'::text, 'azure'::text, 'gcp'::text, 'vsphere'::text, 'maas'::text, 'edge-native'::text, 'apache-cloudstack'::text]))),
  constraint clusters_credential_mode_check CHECK ((credential_mode = ANY (ARRAY['impersonation'::text, 'token'::text]))),
  constraint clusters_direct_by_token CHECK (((credential_mode = 'token'::text) OR (NOT direct_tokens))),
  constraint clusters_import_mode_check CHECK ((import_mode = ANY (ARRAY['full'::text, 'read-only'::text]))),
  constraint clusters_reachable CHECK (((state = 'ready'::text) = ((credential IS NOT NULL) OR (credential_mode = 'token'::text)))),
  constraint clusters_reached CHECK ((num_nulls(server_url, ca_pem, kubernetes_version, contacted_at) =
CASE
    WHEN (state = 'pending'::text) THEN 4
    ELSE 0
END)),
  constraint clusters_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'needs-bindings'::text, 'ready'::text]))),
  constraint clusters_token_has_no_account CHECK (((credential_mode = 'impersonation'::text) OR (credential IS NULL)))
);
CREATE INDEX clusters_by_label ON clusters USING gin (labels jsonb_path_ops);
CREATE INDEX clusters_by_labels ON clusters USING btree (tenant_id, project_id, labels_key, name_key, cluster_id);
CREATE INDEX clusters_by_name ON clusters USING btree (tenant_id, name_key, cluster_id) INCLUDE (project_id, labels_key);
CREATE INDEX clusters_renewal ON clusters USING btree (credential_renew_at) WHERE (credential_renew_at IS NOT NULL);
CREATE TRIGGER tally_deleted AFTER DELETE ON clusters REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION tally_clusters();
CREATE TRIGGER tally_inserted AFTER INSERT ON clusters REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_clusters();
CREATE TRIGGER tally_updated AFTER UPDATE ON clusters REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_clusters();
alter table clusters enable row level security;
alter table clusters force row level security;
create policy renewal on clusters for select to owner
  using (true);
create policy tenant on clusters for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on clusters to palisade_app;

create table edge_tokens (
  tenant_id tenant_uid not null,
  token_id uid not null,
  name text not null,
  name_key text not null,
  token bytea not null,
  default_project_id uid,
  expires_at timestamp with time zone not null,
  is_active boolean not null default true,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint edge_tokens_pkey PRIMARY KEY (tenant_id, token_id),
  constraint edge_tokens_name UNIQUE (tenant_id, name_key),
  constraint edge_tokens_tenant_id_default_project_id_fkey FOREIGN KEY (tenant_id, default_project_id) REFERENCES projects(tenant_id, project_id) ON DELETE SET NULL (default_project_id),
  constraint edge_tokens_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE INDEX edge_tokens_by_project ON edge_tokens USING btree (tenant_id, default_project_id);
alter table edge_tokens enable row level security;
alter table edge_tokens force row level security;
create policy tenant on edge_tokens for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on edge_tokens to palisade_app;

create table filters (
  tenant_id tenant_uid not null,
  filter_id uid not null,
  name text not null,
  name_key text not null,
  conjunction text not null,
  expressions jsonb not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint filters_pkey PRIMARY KEY (tenant_id, filter_id),
  constraint filters_tenant_id_name_key_key UNIQUE (tenant_id, name_key),
  constraint filters_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint filters_conjunction_check CHECK ((conjunction = ANY (ARRAY['and'::text, 'or'::text])))
);
CREATE TRIGGER access_come AFTER INSERT ON filters REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('filter', 'filter_id');
CREATE TRIGGER access_gone AFTER DELETE ON filters REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('filter', 'filter_id');
CREATE TRIGGER access_row AFTER UPDATE ON filters FOR EACH ROW WHEN (((old.conjunction IS DISTINCT FROM new.conjunction) OR (old.expressions IS DISTINCT FROM new.expressions))) EXECUTE FUNCTION note_access_row('filter', 'filter_id');
alter table filters enable row level security;
alter table filters force row level security;
create policy tenant on filters for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on filters to palisade_app;

create table installation (
  only_row boolean not null default true,
  audit_host text not null,
  root_key_id text not null,
  created_at timestamp with time zone not null default now(),
  constraint installation_pkey PRIMARY KEY (only_row),
  constraint installation_only_row_check CHECK (only_row)
);
grant select, insert, update on installation to palisade_app;

create table installation_secrets (
  kind text not null,
  version integer not null,
  sealed bytea not null,
  public_part text,
  created_at timestamp with time zone not null,
  retired_at timestamp with time zone,
  constraint installation_secrets_pkey PRIMARY KEY (kind, version),
  constraint installation_secrets_kind_check CHECK ((kind = ANY (ARRAY['salt'::text, 'ca'::text, 'jwt'::text]))),
  constraint installation_secrets_version_check CHECK ((version > 0))
);
grant select, insert, update, delete on installation_secrets to palisade_app;

create table link_readers (
  tenant_id tenant_uid not null,
  link_id uid not null,
  reader_tenant_id tenant_uid not null,
  reader_id uid not null,
  constraint link_readers_pkey PRIMARY KEY (tenant_id, link_id, reader_tenant_id, reader_id),
  constraint link_readers_tenant_id_link_id_fkey FOREIGN KEY (tenant_id, link_id) REFERENCES link_tokens(tenant_id, link_id) ON DELETE CASCADE
);
alter table link_readers enable row level security;
alter table link_readers force row level security;
create policy tenant on link_readers for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on link_readers to palisade_app;

create table link_tokens (
  tenant_id tenant_uid not null,
  link_id uid not null,
  user_id uid not null,
  purpose text not null,
  secret_hash bytea not null,
  token bytea not null,
  expires_at timestamp with time zone not null,
  created_at timestamp with time zone not null,
  constraint link_tokens_pkey PRIMARY KEY (tenant_id, link_id),
  constraint link_tokens_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint link_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['activate'::text, 'reset'::text])))
);
CREATE INDEX link_tokens_by_user ON link_tokens USING btree (tenant_id, user_id);
alter table link_tokens enable row level security;
alter table link_tokens force row level security;
create policy tenant on link_tokens for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on link_tokens to palisade_app;

create table login_directory (
  directory_index bytea not null,
  tenant_id tenant_uid not null,
  user_id uid not null,
  constraint login_directory_pkey PRIMARY KEY (tenant_id, user_id),
  constraint login_directory_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX login_directory_by_email ON login_directory USING btree (directory_index);
alter table login_directory enable row level security;
alter table login_directory force row level security;
create policy lookup on login_directory for select to owner
  using (true);
create policy tenant on login_directory for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on login_directory to palisade_app;

create table macros (
  tenant_id tenant_uid not null,
  macro_id uid not null,
  project_id uid,
  name text not null,
  name_key text not null,
  value bytea not null,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint macros_pkey PRIMARY KEY (tenant_id, macro_id),
  constraint macros_name UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, name_key),
  constraint macros_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint macros_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE
);
alter table macros enable row level security;
alter table macros force row level security;
create policy tenant on macros for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on macros to palisade_app;

create table oidc_clients (
  tenant_id tenant_uid not null,
  client_uid uid not null,
  name text not null,
  name_key text not null,
  kind text not null,
  redirect_uris text[] not null,
  api_access boolean not null,
  secret bytea,
  created_by uid not null,
  created_at timestamp with time zone not null,
  constraint oidc_clients_pkey PRIMARY KEY (tenant_id, client_uid),
  constraint oidc_clients_tenant_id_name_key_key UNIQUE (tenant_id, name_key),
  constraint oidc_clients_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint oidc_clients_kind_check CHECK ((kind = ANY (ARRAY['web'::text, 'native'::text])))
);
alter table oidc_clients enable row level security;
alter table oidc_clients force row level security;
create policy tenant on oidc_clients for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on oidc_clients to palisade_app;

create table oidc_state (
  tenant_id tenant_uid not null,
  state_id bytea not null,
  kind text not null,
  alias_id bytea,
  grant_ref bytea,
  payload bytea not null,
  expires_at timestamp with time zone not null,
  consumed_at timestamp with time zone,
  constraint oidc_state_pkey PRIMARY KEY (tenant_id, state_id),
  constraint oidc_state_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE UNIQUE INDEX oidc_state_by_alias ON oidc_state USING btree (alias_id) WHERE (alias_id IS NOT NULL);
CREATE INDEX oidc_state_by_end ON oidc_state USING btree (tenant_id, expires_at);
CREATE INDEX oidc_state_by_grant ON oidc_state USING btree (tenant_id, grant_ref) WHERE (grant_ref IS NOT NULL);
CREATE UNIQUE INDEX oidc_state_by_id ON oidc_state USING btree (state_id);
alter table oidc_state enable row level security;
alter table oidc_state force row level security;
create policy lookup on oidc_state for select to owner
  using (true);
create policy tenant on oidc_state for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on oidc_state to palisade_app;

create table open_intents (
  tenant_id tenant_uid not null,
  entry_id uid not null,
  replica_id uid not null,
  opened_at timestamp with time zone not null default clock_timestamp(),
  end_asked_at timestamp with time zone,
  constraint open_intents_pkey PRIMARY KEY (tenant_id, entry_id)
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=5000);
alter table open_intents enable row level security;
alter table open_intents force row level security;
create policy lost on open_intents for select to owner
  using (true);
create policy tenant on open_intents for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on open_intents to palisade_app;

create table project_settings (
  tenant_id tenant_uid not null,
  project_id uid not null,
  kind text not null,
  value jsonb not null,
  updated_by uid,
  updated_at timestamp with time zone not null,
  constraint project_settings_pkey PRIMARY KEY (tenant_id, project_id, kind),
  constraint project_settings_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint project_settings_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE
);
alter table project_settings enable row level security;
alter table project_settings force row level security;
create policy tenant on project_settings for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on project_settings to palisade_app;

create table projects (
  tenant_id tenant_uid not null,
  project_id uid not null,
  name text not null,
  name_key text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  logo_uid text,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint projects_pkey PRIMARY KEY (tenant_id, project_id),
  constraint projects_tenant_id_name_key_key UNIQUE (tenant_id, name_key),
  constraint projects_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE TRIGGER access_come AFTER INSERT ON projects REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('project', 'project_id');
CREATE TRIGGER access_gone AFTER DELETE ON projects REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('project', 'project_id');
CREATE TRIGGER access_row AFTER UPDATE OF name ON projects FOR EACH ROW WHEN ((old.name IS DISTINCT FROM new.name)) EXECUTE FUNCTION note_access_row('project', 'project_id');
alter table projects enable row level security;
alter table projects force row level security;
create policy tenant on projects for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on projects to palisade_app;

create table replicas (
  replica_id uid not null,
  seen_at timestamp with time zone not null,
  constraint replicas_pkey PRIMARY KEY (replica_id)
) with (fillfactor=50);
grant select, insert, update, delete on replicas to palisade_app;

create table resource_role_filters (
  tenant_id tenant_uid not null,
  resource_role_id uid not null,
  filter_id uid not null,
  "position" integer not null,
  constraint resource_role_filters_pkey PRIMARY KEY (tenant_id, resource_role_id, filter_id),
  constraint resource_role_filters_tenant_id_filter_id_fkey FOREIGN KEY (tenant_id, filter_id) REFERENCES filters(tenant_id, filter_id),
  constraint resource_role_filters_tenant_id_resource_role_id_fkey FOREIGN KEY (tenant_id, resource_role_id) REFERENCES resource_roles(tenant_id, resource_role_id) ON DELETE CASCADE
);
CREATE INDEX resource_role_filters_by_filter ON resource_role_filters USING btree (tenant_id, filter_id);
CREATE TRIGGER access_come AFTER INSERT ON resource_role_filters REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_gone AFTER DELETE ON resource_role_filters REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_is AFTER UPDATE ON resource_role_filters REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_was AFTER UPDATE ON resource_role_filters REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
alter table resource_role_filters enable row level security;
alter table resource_role_filters force row level security;
create policy tenant on resource_role_filters for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on resource_role_filters to palisade_app;

create table resource_role_projects (
  tenant_id tenant_uid not null,
  resource_role_id uid not null,
  project_id uid not null,
  "position" integer not null,
  constraint resource_role_projects_pkey PRIMARY KEY (tenant_id, resource_role_id, project_id),
  constraint resource_role_projects_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE,
  constraint resource_role_projects_tenant_id_resource_role_id_fkey FOREIGN KEY (tenant_id, resource_role_id) REFERENCES resource_roles(tenant_id, resource_role_id) ON DELETE CASCADE
);
CREATE INDEX resource_role_projects_by_project ON resource_role_projects USING btree (tenant_id, project_id);
CREATE TRIGGER access_come AFTER INSERT ON resource_role_projects REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_gone AFTER DELETE ON resource_role_projects REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_is AFTER UPDATE ON resource_role_projects REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_was AFTER UPDATE ON resource_role_projects REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
alter table resource_role_projects enable row level security;
alter table resource_role_projects force row level security;
create policy tenant on resource_role_projects for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on resource_role_projects to palisade_app;

create table resource_role_roles (
  tenant_id tenant_uid not null,
  resource_role_id uid not null,
  role_id uid not null,
  "position" integer not null,
  constraint resource_role_roles_pkey PRIMARY KEY (tenant_id, resource_role_id, role_id),
  constraint resource_role_roles_tenant_id_resource_role_id_fkey FOREIGN KEY (tenant_id, resource_role_id) REFERENCES resource_roles(tenant_id, resource_role_id) ON DELETE CASCADE
);
CREATE INDEX resource_role_roles_by_role ON resource_role_roles USING btree (tenant_id, role_id);
CREATE TRIGGER access_come AFTER INSERT ON resource_role_roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_gone AFTER DELETE ON resource_role_roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_is AFTER UPDATE ON resource_role_roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
CREATE TRIGGER access_was AFTER UPDATE ON resource_role_roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('resource-role', 'resource_role_id');
alter table resource_role_roles enable row level security;
alter table resource_role_roles force row level security;
create policy tenant on resource_role_roles for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on resource_role_roles to palisade_app;

create table resource_roles (
  tenant_id tenant_uid not null,
  resource_role_id uid not null,
  user_id uid,
  team_id uid,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint resource_roles_pkey PRIMARY KEY (tenant_id, resource_role_id),
  constraint resource_roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint resource_roles_tenant_id_team_id_fkey FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, team_id) ON DELETE CASCADE,
  constraint resource_roles_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint resource_roles_check CHECK (((user_id IS NULL) <> (team_id IS NULL)))
);
CREATE INDEX resource_roles_by_team ON resource_roles USING btree (tenant_id, team_id) WHERE (team_id IS NOT NULL);
CREATE INDEX resource_roles_by_user ON resource_roles USING btree (tenant_id, user_id) WHERE (user_id IS NOT NULL);
CREATE TRIGGER access_come AFTER INSERT ON resource_roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_gone AFTER DELETE ON resource_roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_row AFTER UPDATE ON resource_roles FOR EACH ROW WHEN (((((old.user_id)::text IS DISTINCT FROM (new.user_id)::text) OR ((old.team_id)::text IS DISTINCT FROM (new.team_id)::text)) OR (old.created_at IS DISTINCT FROM new.created_at))) EXECUTE FUNCTION note_access_row('resource-role', 'resource_role_id');
alter table resource_roles enable row level security;
alter table resource_roles force row level security;
create policy tenant on resource_roles for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on resource_roles to palisade_app;

create table revoked_tokens (
  tenant_id tenant_uid not null,
  session_id uid not null,
  jti text not null,
  constraint revoked_tokens_pkey PRIMARY KEY (tenant_id, session_id, jti),
  constraint revoked_tokens_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES sessions(tenant_id, session_id) ON DELETE CASCADE
);
alter table revoked_tokens enable row level security;
alter table revoked_tokens force row level security;
create policy tenant on revoked_tokens for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on revoked_tokens to palisade_app;

create table role_assignments (
  tenant_id tenant_uid not null,
  assignment_id uid not null,
  user_id uid,
  team_id uid,
  role_id uid not null,
  project_id uid,
  ends_at timestamp with time zone,
  created_by uid,
  created_at timestamp with time zone not null,
  conditions jsonb,
  constraint role_assignments_pkey PRIMARY KEY (tenant_id, assignment_id),
  constraint role_assignments_tenant_id_user_id_team_id_role_id_project__key UNIQUE NULLS NOT DISTINCT (tenant_id, user_id, team_id, role_id, project_id),
  constraint role_assignments_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint role_assignments_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE,
  constraint role_assignments_tenant_id_team_id_fkey FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, team_id) ON DELETE CASCADE,
  constraint role_assignments_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint role_assignments_check CHECK (((user_id IS NULL) <> (team_id IS NULL))),
  constraint role_assignments_conditions_check CHECK ((jsonb_typeof(conditions) = 'object'::text))
);
CREATE INDEX role_assignments_by_project ON role_assignments USING btree (tenant_id, project_id);
CREATE INDEX role_assignments_by_role ON role_assignments USING btree (tenant_id, role_id);
CREATE TRIGGER access_come AFTER INSERT ON role_assignments REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_gone AFTER DELETE ON role_assignments REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_is AFTER UPDATE ON role_assignments REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_was AFTER UPDATE ON role_assignments REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
alter table role_assignments enable row level security;
alter table role_assignments force row level security;
create policy tenant on role_assignments for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on role_assignments to palisade_app;

create table roles (
  tenant_id tenant_uid not null,
  role_id uid not null,
  name text not null,
  name_key text not null,
  scope text not null,
  permissions text[] not null,
  is_enabled boolean not null default true,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint roles_pkey PRIMARY KEY (tenant_id, role_id),
  constraint roles_tenant_id_name_key_key UNIQUE (tenant_id, name_key),
  constraint roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint roles_scope_check CHECK ((scope = ANY (ARRAY['tenant'::text, 'project'::text, 'resource'::text])))
);
CREATE TRIGGER access_come AFTER INSERT ON roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('role', 'role_id');
CREATE TRIGGER access_gone AFTER DELETE ON roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('role', 'role_id');
CREATE TRIGGER access_row AFTER UPDATE ON roles FOR EACH ROW WHEN (((((old.name IS DISTINCT FROM new.name) OR (old.scope IS DISTINCT FROM new.scope)) OR (old.permissions IS DISTINCT FROM new.permissions)) OR (old.is_enabled IS DISTINCT FROM new.is_enabled))) EXECUTE FUNCTION note_access_row('role', 'role_id');
alter table roles enable row level security;
alter table roles force row level security;
create policy tenant on roles for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on roles to palisade_app;

create table schema_migrations (
  number integer not null,
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey PRIMARY KEY (number)
);

create table sessions (
  tenant_id tenant_uid not null,
  session_id uid not null,
  user_id uid not null,
  credential_epoch bigint not null,
  created_at timestamp with time zone not null,
  last_seen_at timestamp with time zone not null,
  idle_seconds integer not null,
  absolute_end_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  end_reason text,
  client bytea,
  constraint sessions_pkey PRIMARY KEY (tenant_id, session_id),
  constraint sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint sessions_idle_seconds_check CHECK ((idle_seconds > 0))
);
CREATE INDEX sessions_by_user ON sessions USING btree (tenant_id, user_id);
alter table sessions enable row level security;
alter table sessions force row level security;
create policy tenant on sessions for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on sessions to palisade_app;

create table settings (
  tenant_id tenant_uid not null,
  kind text not null,
  value jsonb not null,
  updated_by uid,
  updated_at timestamp with time zone not null,
  constraint settings_pkey PRIMARY KEY (tenant_id, kind),
  constraint settings_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table settings enable row level security;
alter table settings force row level security;
create policy tenant on settings for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on settings to palisade_app;

create table sign_in_attempts (
  attempt_key bytea not null,
  failures integer not null,
  window_start timestamp with time zone not null,
  locked_until timestamp with time zone,
  constraint sign_in_attempts_pkey PRIMARY KEY (attempt_key)
);
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts USING btree (window_start);
grant select, insert, update, delete on sign_in_attempts to palisade_app;

create table ssh_keys (
  tenant_id tenant_uid not null,
  key_id uid not null,
  project_id uid,
  name text not null,
  name_key text not null,
  public_key text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint ssh_keys_pkey PRIMARY KEY (tenant_id, key_id),
  constraint ssh_keys_name UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, name_key),
  constraint ssh_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint ssh_keys_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE
);
alter table ssh_keys enable row level security;
alter table ssh_keys force row level security;
create policy tenant on ssh_keys for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on ssh_keys to palisade_app;

create table team_members (
  tenant_id tenant_uid not null,
  team_id uid not null,
  user_id uid not null,
  team_position integer not null default 0,
  user_position integer not null default 0,
  constraint team_members_pkey PRIMARY KEY (tenant_id, team_id, user_id),
  constraint team_members_tenant_id_team_id_fkey FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, team_id) ON DELETE CASCADE,
  constraint team_members_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX team_members_by_user ON team_members USING btree (tenant_id, user_id);
CREATE TRIGGER access_come AFTER INSERT ON team_members REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id');
CREATE TRIGGER access_gone AFTER DELETE ON team_members REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id');
CREATE TRIGGER access_row AFTER UPDATE OF team_position ON team_members FOR EACH ROW WHEN ((old.team_position IS DISTINCT FROM new.team_position)) EXECUTE FUNCTION note_access_row('user', 'user_id');
alter table team_members enable row level security;
alter table team_members force row level security;
create policy tenant on team_members for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on team_members to palisade_app;

create table teams (
  tenant_id tenant_uid not null,
  team_id uid not null,
  name text not null,
  name_key text not null,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint teams_pkey PRIMARY KEY (tenant_id, team_id),
  constraint teams_tenant_id_name_key_key UNIQUE (tenant_id, name_key),
  constraint teams_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
CREATE TRIGGER access_come AFTER INSERT ON teams REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('team', 'team_id');
CREATE TRIGGER access_gone AFTER DELETE ON teams REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('team', 'team_id');
CREATE TRIGGER access_row AFTER UPDATE OF name ON teams FOR EACH ROW WHEN ((old.name IS DISTINCT FROM new.name)) EXECUTE FUNCTION note_access_row('team', 'team_id');
alter table teams enable row level security;
alter table teams force row level security;
create policy tenant on teams for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on teams to palisade_app;

create table tenant_certificates (
  tenant_id tenant_uid not null,
  certificate_id uid not null,
  name text not null,
  name_key text not null,
  certificate text not null,
  is_ca boolean not null,
  private_key bytea,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint tenant_certificates_pkey PRIMARY KEY (tenant_id, certificate_id),
  constraint tenant_certificates_name UNIQUE (tenant_id, name_key),
  constraint tenant_certificates_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table tenant_certificates enable row level security;
alter table tenant_certificates force row level security;
create policy tenant on tenant_certificates for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on tenant_certificates to palisade_app;

create table tenant_domains (
  tenant_id tenant_uid not null,
  domain text not null,
  "position" integer not null,
  created_by uid,
  created_at timestamp with time zone not null,
  constraint tenant_domains_pkey PRIMARY KEY (tenant_id, domain),
  constraint tenant_domains_domain UNIQUE (domain),
  constraint tenant_domains_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id)
);
alter table tenant_domains enable row level security;
alter table tenant_domains force row level security;
create policy tenant on tenant_domains for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on tenant_domains to palisade_app;

create table tenant_keys (
  tenant_id tenant_uid not null,
  version integer not null,
  wrapped bytea not null,
  created_at timestamp with time zone not null,
  constraint tenant_keys_pkey PRIMARY KEY (tenant_id, version),
  constraint tenant_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint tenant_keys_version_check CHECK ((version > 0))
);
alter table tenant_keys enable row level security;
alter table tenant_keys force row level security;
create policy tenant on tenant_keys for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on tenant_keys to palisade_app;

create table tenants (
  tenant_id tenant_uid not null,
  org_name text not null,
  org_key text not null,
  state text not null,
  contact bytea,
  login_mode text not null default 'devops'::text,
  first_user_id uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint tenants_pkey PRIMARY KEY (tenant_id),
  constraint tenants_org_key_key UNIQUE (org_key),
  constraint tenants_login_mode_check CHECK ((login_mode = ANY (ARRAY['dev'::text, 'devops'::text]))),
  constraint tenants_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'inactive'::text, 'deleting'::text])))
);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy by_org on tenants for select to owner
  using (true);
create policy tenant on tenants for all to palisade_app
  using ((((tenant_id)::text = current_setting('app.tenant_id'::text, true)) OR (current_setting('app.tenant_id'::text, true) = 'system'::text)))
  with check ((((tenant_id)::text = current_setting('app.tenant_id'::text, true)) OR (current_setting('app.tenant_id'::text, true) = 'system'::text)));
grant select, insert, update, delete on tenants to palisade_app;

create table users (
  tenant_id tenant_uid not null,
  user_id uid not null,
  email bytea not null,
  email_index bytea not null,
  first_name bytea not null,
  last_name bytea not null,
  state text not null,
  login_mode text not null default 'devops'::text,
  admin_type text,
  password bytea,
  password_set_at timestamp with time zone,
  password_resetting boolean not null default false,
  credential_epoch bigint not null default 1,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  last_sign_in_at timestamp with time zone,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint users_pkey PRIMARY KEY (tenant_id, user_id),
  constraint users_tenant_id_email_index_key UNIQUE (tenant_id, email_index),
  constraint users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint users_admin_type_check CHECK ((admin_type = ANY (ARRAY['root'::text, 'OperationAdmin'::text, 'AccountAdmin'::text]))),
  constraint users_check CHECK (((admin_type IS NOT NULL) = ((tenant_id)::text = 'system'::text))),
  constraint users_login_mode_check CHECK ((login_mode = ANY (ARRAY['dev'::text, 'devops'::text]))),
  constraint users_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'inactive'::text])))
);
CREATE TRIGGER access_come AFTER INSERT ON users REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id');
CREATE TRIGGER access_gone AFTER DELETE ON users REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id');
CREATE TRIGGER access_row AFTER UPDATE OF state, credential_epoch, admin_type ON users FOR EACH ROW WHEN ((((old.state IS DISTINCT FROM new.state) OR (old.credential_epoch IS DISTINCT FROM new.credential_epoch)) OR (old.admin_type IS DISTINCT FROM new.admin_type))) EXECUTE FUNCTION note_access_row('user', 'user_id');
alter table users enable row level security;
alter table users force row level security;
create policy tenant on users for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on users to palisade_app;

create table workspace_clusters (
  tenant_id tenant_uid not null,
  workspace_id uid not null,
  cluster_id uid not null,
  "position" integer not null,
  constraint workspace_clusters_pkey PRIMARY KEY (tenant_id, workspace_id, cluster_id),
  constraint workspace_clusters_tenant_id_cluster_id_fkey FOREIGN KEY (tenant_id, cluster_id) REFERENCES clusters(tenant_id, cluster_id) ON DELETE CASCADE,
  constraint workspace_clusters_tenant_id_workspace_id_fkey FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces(tenant_id, workspace_id) ON DELETE CASCADE
);
CREATE INDEX workspace_clusters_by_cluster ON workspace_clusters USING btree (tenant_id, cluster_id);
alter table workspace_clusters enable row level security;
alter table workspace_clusters force row level security;
create policy tenant on workspace_clusters for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on workspace_clusters to palisade_app;

create table workspace_roles (
  tenant_id tenant_uid not null,
  assignment_id uid not null,
  user_id uid,
  team_id uid,
  role_id uid not null,
  workspace_id uid not null,
  created_by uid,
  created_at timestamp with time zone not null,
  constraint workspace_roles_pkey PRIMARY KEY (tenant_id, assignment_id),
  constraint workspace_roles_tenant_id_user_id_team_id_role_id_workspace_key UNIQUE NULLS NOT DISTINCT (tenant_id, user_id, team_id, role_id, workspace_id),
  constraint workspace_roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint workspace_roles_tenant_id_team_id_fkey FOREIGN KEY (tenant_id, team_id) REFERENCES teams(tenant_id, team_id) ON DELETE CASCADE,
  constraint workspace_roles_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users(tenant_id, user_id) ON DELETE CASCADE,
  constraint workspace_roles_tenant_id_workspace_id_fkey FOREIGN KEY (tenant_id, workspace_id) REFERENCES workspaces(tenant_id, workspace_id) ON DELETE CASCADE,
  constraint workspace_roles_check CHECK (((user_id IS NULL) <> (team_id IS NULL)))
);
CREATE INDEX workspace_roles_by_role ON workspace_roles USING btree (tenant_id, role_id);
CREATE INDEX workspace_roles_by_team ON workspace_roles USING btree (tenant_id, team_id) WHERE (team_id IS NOT NULL);
CREATE INDEX workspace_roles_by_workspace ON workspace_roles USING btree (tenant_id, workspace_id);
CREATE TRIGGER access_come AFTER INSERT ON workspace_roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_gone AFTER DELETE ON workspace_roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_is AFTER UPDATE ON workspace_roles REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
CREATE TRIGGER access_was AFTER UPDATE ON workspace_roles REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_access_statement('user', 'user_id', 'team', 'team_id');
alter table workspace_roles enable row level security;
alter table workspace_roles force row level security;
create policy tenant on workspace_roles for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on workspace_roles to palisade_app;

create table workspaces (
  tenant_id tenant_uid not null,
  workspace_id uid not null,
  project_id uid not null,
  name text not null,
  name_key text not null,
  namespaces jsonb not null default '[]'::jsonb,
  quota jsonb,
  labels jsonb not null default '{}'::jsonb,
  annotations jsonb not null default '{}'::jsonb,
  created_by uid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint workspaces_pkey PRIMARY KEY (tenant_id, workspace_id),
  constraint workspaces_name UNIQUE (tenant_id, project_id, name_key),
  constraint workspaces_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id),
  constraint workspaces_tenant_id_project_id_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects(tenant_id, project_id) ON DELETE CASCADE
);
CREATE INDEX workspaces_by_label ON workspaces USING gin (labels jsonb_path_ops);
alter table workspaces enable row level security;
alter table workspaces force row level security;
create policy tenant on workspaces for all to palisade_app
  using (((tenant_id)::text = current_setting('app.tenant_id'::text, true)))
  with check (((tenant_id)::text = current_setting('app.tenant_id'::text, true)));
grant select, insert, update, delete on workspaces to palisade_app;
