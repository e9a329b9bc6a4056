-- 0023: accounts of GCP, Azure and other kinds of clouds. The previous release keeps working as long as there are none.

alter table cloud_accounts
  drop constraint cloud_accounts_cloud_check,
  -- 'aws', 'gcp', 'azure', or a kind that the tenant has registered.
  add constraint cloud_accounts_cloud_check check (cloud ~ '^[a-z][a-z0-9-]{1,62}$'),
  drop constraint cloud_accounts_name,
  -- An account of AWS and one of GCP may have one name: clients look into the accounts of one cloud.
  add constraint cloud_accounts_name unique nulls not distinct (tenant_id, project_id, cloud, name_key);

-- Kinds of clouds that a tenant has registered to keep accounts of them.
create table cloud_types (
  tenant_id    tenant_uid not null references tenants,
  type_id      uid not null,
  name         text not null check (name ~ '^[a-z][a-z0-9-]{1,62}$'),
  display_name text not null,
  category     text not null check (category in ('cloud', 'datacenter', 'edge')),
  is_managed   boolean not null,
  created_by   uid,
  created_at   timestamptz not null,
  primary key (tenant_id, type_id),
  constraint cloud_types_name unique (tenant_id, name)
);
select tenant_scoped('cloud_types');
