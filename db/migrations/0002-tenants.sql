-- 0002: tenants, their keys, and the epoch that orders changes of access. First release.

create table tenants (
  tenant_id     tenant_uid primary key,
  org_name      text not null,
  org_key       text not null unique,  -- canonical form: two spellings of one name are one name (threat D03)
  state         text not null check (state in ('pending', 'active', 'inactive', 'deleting')),
  contact       bytea,                 -- sealed: {orgEmailId, address}
  login_mode    text not null default 'devops' check (login_mode in ('dev', 'devops')),
  first_user_id uid,
  created_at    timestamptz not null,
  updated_at    timestamptz not null
);
alter table tenants enable row level security;
alter table tenants force row level security;
-- A tenant sees itself; a transaction of the system scope sees the list of tenants, and nothing below it.
create policy tenant on tenants to palisade_app
  using (tenant_id = current_setting('app.tenant_id', true) or current_setting('app.tenant_id', true) = 'system')
  with check (tenant_id = current_setting('app.tenant_id', true) or current_setting('app.tenant_id', true) = 'system');
grant select, insert, update, delete on tenants to palisade_app;

create table tenant_keys (
  tenant_id  tenant_uid not null references tenants,
  version    integer not null check (version > 0),
  wrapped    bytea not null,           -- under the root key, bound to tenant and version
  created_at timestamptz not null,
  primary key (tenant_id, version)
);
select tenant_scoped('tenant_keys');

-- One row a tenant. A transaction that changes access locks it first, raises `epoch` last and stores its own
-- transaction id, so that a poll by id misses nothing whatever the order of commits.
create table access_epochs (
  tenant_id   tenant_uid primary key references tenants,
  epoch       bigint not null default 1,
  facts_epoch bigint not null default 1,  -- raised where assignments, people, teams or clusters changed; not by the end of one session
  xid         xid8 not null default pg_current_xact_id()
);
create index access_epochs_xid on access_epochs (xid);
select tenant_scoped('access_epochs');
-- The owner's definer function below reads across tenants; nothing else may.
create policy feed on access_epochs for select to current_user using (true);

create function access_changes_since(since xid8)
  returns table (tenant_id text, epoch bigint, facts_epoch bigint)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select a.tenant_id::text, a.epoch, a.facts_epoch from access_epochs a where a.xid >= since $$;
revoke all on function access_changes_since(xid8) from public;
grant execute on function access_changes_since(xid8) to palisade_app;

-- Sign-in names its organisation before the tenant is known. Answers the tenant alone.
create policy by_org on tenants for select to current_user using (true);
create function tenant_by_org(key text) returns text
  language sql stable security definer set search_path = public, pg_temp
  as $$ select t.tenant_id::text from tenants t where t.org_key = key and t.tenant_id <> 'system' $$;
revoke all on function tenant_by_org(text) from public;
grant execute on function tenant_by_org(text) to palisade_app;
