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
  missing               jsonb not null default '[]',
  created_by            uid,
  created_at            timestamptz not null,
  updated_at            timestamptz not null,
  primary key (tenant_id, cluster_id),
  foreign key (tenant_id, project_id) references projects,
  unique (tenant_id, project_id, name_key),
  check ((state = 'ready') = (credential is not null))
);
select tenant_scoped('clusters');
