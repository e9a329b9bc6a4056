-- 0008: state of the OpenID Connect issuer, and the clients that are registered with it. The previous release keeps working.

-- Grants, codes, refresh tokens, device codes, sign-ins under way. Of a code or token the hash alone is stored: a stolen
-- backup redeems nothing. What belongs to nobody yet (a sign-in under way) is the tenant `system`'s.
create table oidc_state (
  tenant_id   tenant_uid not null references tenants,
  state_id    bytea not null,          -- SHA-256 over kind and id
  kind        text not null,
  alias_id    bytea,                   -- second way to the row: the hash of a session's uid, the HMAC of a device's user code
  grant_ref   bytea,                   -- SHA-256 of the grant that it belongs to, and ends with
  payload     bytea not null,          -- sealed
  expires_at  timestamptz not null,    -- looked at on use, never left to a cleaner (threat C07)
  consumed_at timestamptz,             -- used once; seen again, its grant ends (threat B20)
  primary key (tenant_id, state_id)
);
create unique index oidc_state_by_id on oidc_state (state_id);
create unique index oidc_state_by_alias on oidc_state (alias_id) where alias_id is not null;
create index oidc_state_by_grant on oidc_state (tenant_id, grant_ref) where grant_ref is not null;
create index oidc_state_by_end on oidc_state (tenant_id, expires_at);
select tenant_scoped('oidc_state');
create policy lookup on oidc_state for select to current_user using (true);

-- A code or token leads to its tenant before anything is known of who brings it. Answers the tenant alone.
create function tenant_of_oidc_state(wanted bytea) returns text
  language sql stable security definer set search_path = public, pg_temp
  as $$ select s.tenant_id::text from oidc_state s where s.state_id = wanted or s.alias_id = wanted limit 1 $$;
revoke all on function tenant_of_oidc_state(bytea) from public;
grant execute on function tenant_of_oidc_state(bytea) to palisade_app;

-- Clients that a tenant's administrator registered, for people of that tenant; those of `system` are for all.
create table oidc_clients (
  tenant_id     tenant_uid not null references tenants,
  client_uid    uid not null,
  name          text not null,
  name_key      text not null,
  kind          text not null check (kind in ('web', 'native')),
  redirect_uris text[] not null,
  api_access    boolean not null,      -- whether its access tokens open Palisade's own API
  secret        bytea,                 -- sealed; null for a native client, which could keep none
  created_by    uid not null,
  created_at    timestamptz not null,
  primary key (tenant_id, client_uid),
  unique (tenant_id, name_key)
);
select tenant_scoped('oidc_clients');
