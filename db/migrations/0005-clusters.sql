-- 0005: clusters. First release. Names and tags of clusters are not personal and stay readable for filters.

create table clusters (
  tenant_id             tenant_uid not null references tenants,
  cluster_id            uid not null,
  project_id            uid not null,
  name                  text not null,
  name_key              text not null,
  labels                jsonb not null default '{}',
  annotations           jsonb not null default '{}',
  state                 text not null check (state in ('needs-bindings', 'ready')),
  server_url            text not null,
  ca_pem                text not null,
  server_name           text,          -- TLS server name where it differs from the URL's host
  kubernetes_version    text not null,
  account               text,          -- namespace/name of the impersonating ServiceAccount
  credential            bytea,         -- sealed: its token
  credential_expires_at timestamptz,
  credential_renew_at   timestamptz,   -- when the next token is asked for; moved ahead by the replica that asks
  credential_problem    text,          -- why the last renewal failed, for people
  contacted_at          timestamptz not null, -- when its API server last did what was asked of it
  missing               jsonb not null default '[]',
  created_by            uid,
  created_at            timestamptz not null,
  updated_at            timestamptz not null,
  primary key (tenant_id, cluster_id),
  foreign key (tenant_id, project_id) references projects,
  unique (tenant_id, project_id, name_key),
  check ((state = 'ready') = (credential is not null)),
  check ((credential is null) = (credential_expires_at is null)),
  check ((credential is null) = (credential_renew_at is null)),
  check ((credential is null) = (account is null))
);
select tenant_scoped('clusters');
create index clusters_renewal on clusters (credential_renew_at) where credential_renew_at is not null;

-- Tokens are renewed by time, whichever tenant they belong to. Answers ids only; the work is done in each tenant's scope.
create policy renewal on clusters for select to current_user using (true);
create function clusters_to_renew(due timestamptz, most integer)
  returns table (tenant_id text, cluster_id text)
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select c.tenant_id::text, c.cluster_id::text from clusters c
     where c.credential_renew_at <= due order by c.credential_renew_at limit most
  $$;
revoke all on function clusters_to_renew(timestamptz, integer) from public;
grant execute on function clusters_to_renew(timestamptz, integer) to palisade_app;
