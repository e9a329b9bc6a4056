-- 0001: what exists once per installation, and the helper that scopes a table to its tenant. First release.
-- The owner runs migrations; palisade_app and palisade_sequencer exist already (server/platform/postgres/roles.ts).

revoke all on schema public from public;
grant usage on schema public to palisade_app, palisade_sequencer;

create domain uid as text check (value ~ '^[0-9a-f]{24}$');
-- `system` is the tenant of the system administrators and of their audit log.
create domain tenant_uid as text check (value ~ '^([0-9a-f]{24}|system)$');

create table installation (
  only_row      boolean primary key default true check (only_row),
  audit_host    text not null,        -- hostname of the public URL at the first start; part of every log's origin, so it is kept
  root_key_id   text not null,        -- fingerprint of the root key: a wrong key file is told apart from damage
  created_at    timestamptz not null default now()
);
grant select, insert, update on installation to palisade_app;

-- Sealed under the root key: salt, ca, jwt. Versions are never reused; a retired one still verifies or opens.
create table installation_secrets (
  kind        text not null check (kind in ('salt', 'ca', 'jwt')),
  version     integer not null check (version > 0),
  sealed      bytea not null,
  public_part text,                   -- certificate (ca), public JWK (jwt)
  created_at  timestamptz not null,
  retired_at  timestamptz,
  primary key (kind, version)
);
grant select, insert, update, delete on installation_secrets to palisade_app;

-- Forced row-level security with the one tenant policy. current_setting is '' after a transaction, never a tenant.
create function tenant_scoped(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy tenant on %s to palisade_app using (tenant_id = current_setting(''app.tenant_id'', true)) with check (tenant_id = current_setting(''app.tenant_id'', true))',
    target);
  execute format('grant select, insert, update, delete on %s to palisade_app', target);
end $$;
revoke all on function tenant_scoped(regclass) from public;
