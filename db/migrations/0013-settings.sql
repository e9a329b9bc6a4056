-- 0013: settings of a tenant, and of the installation in the tenant `system`. The previous release keeps working with what it
-- had built in.

create table settings (
  tenant_id  tenant_uid not null references tenants,
  kind       text not null,
  value      jsonb not null,
  updated_by uid,
  updated_at timestamptz not null,
  primary key (tenant_id, kind)
);
select tenant_scoped('settings');
