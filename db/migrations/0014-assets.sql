-- 0014: SSH keys, macros, registration tokens and cloud accounts. The previous release keeps working and knows none of them.

-- Without a project a row is the tenant's own. Names are unique there or in the one project. What is a project's goes with it.
create table ssh_keys (
  tenant_id   tenant_uid not null references tenants,
  key_id      uid not null,
  project_id  uid,
  name        text not null,
  name_key    text not null,
  -- As it was sent, comment and line end included: clients compare it.
  public_key  text not null,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  created_by  uid,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, key_id),
  constraint ssh_keys_name unique nulls not distinct (tenant_id, project_id, name_key),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
select tenant_scoped('ssh_keys');

create table macros (
  tenant_id  tenant_uid not null references tenants,
  macro_id   uid not null,
  project_id uid,
  name       text not null,
  name_key   text not null,
  -- Sealed: what a macro stands for may be a secret.
  value      bytea not null,
  created_by uid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, macro_id),
  constraint macros_name unique nulls not distinct (tenant_id, project_id, name_key),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
select tenant_scoped('macros');

create table edge_tokens (
  tenant_id          tenant_uid not null references tenants,
  token_id           uid not null,
  name               text not null,
  name_key           text not null,
  -- Sealed.
  token              bytea not null,
  default_project_id uid,
  expires_at         timestamptz not null,
  is_active          boolean not null default true,
  labels             jsonb not null default '{}',
  annotations        jsonb not null default '{}',
  created_by         uid,
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  primary key (tenant_id, token_id),
  constraint edge_tokens_name unique (tenant_id, name_key),
  foreign key (tenant_id, default_project_id) references projects on delete set null (default_project_id)
);
create index edge_tokens_by_project on edge_tokens (tenant_id, default_project_id);
select tenant_scoped('edge_tokens');

create table cloud_accounts (
  tenant_id   tenant_uid not null references tenants,
  account_id  uid not null,
  project_id  uid,
  cloud       text not null check (cloud in ('aws')),
  name        text not null,
  name_key    text not null,
  -- What may be shown of it.
  spec        jsonb not null,
  -- Sealed: the secrets among its credentials, as one JSON text. Null where it has none.
  secrets     bytea,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  created_by  uid,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, account_id),
  constraint cloud_accounts_name unique nulls not distinct (tenant_id, project_id, name_key),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
-- What a list shows to somebody whose roles reach it by tags.
create index cloud_accounts_by_label on cloud_accounts using gin (labels jsonb_path_ops);
select tenant_scoped('cloud_accounts');
