-- 0020: cluster profiles. The previous release keeps working and knows none of them.

-- Without a project a row is the tenant's own. Of one name there may be several versions. What is a project's goes with it.
create table cluster_profiles (
  tenant_id    tenant_uid not null references tenants,
  profile_id   uid not null,
  project_id   uid,
  name         text not null,
  name_key     text not null,
  version      text not null,
  profile_type text not null check (profile_type in ('cluster', 'infra', 'add-on', 'system')),
  cloud_type   text not null,
  -- What lists show of the packs, draft and published: names and versions.
  outline      jsonb not null,
  -- Sealed: packs with values and manifests, draft and published, and variables, as one JSON text. There may be secrets in it.
  content      bytea not null,
  labels       jsonb not null default '{}',
  annotations  jsonb not null default '{}',
  created_by   uid,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  primary key (tenant_id, profile_id),
  constraint cluster_profiles_name unique nulls not distinct (tenant_id, project_id, name_key, version),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
-- What a list shows to somebody whose roles reach it by tags.
create index cluster_profiles_by_label on cluster_profiles using gin (labels jsonb_path_ops);
select tenant_scoped('cluster_profiles');
