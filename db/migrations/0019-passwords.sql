-- 0019: passwords that may not be used. The previous release keeps working; it does not ask here.
-- Keyed hashes alone, under the installation's salt: what is on the list cannot be read back, nor tried without the root key.

create table blocked_passwords (
  tenant_id      tenant_uid not null references tenants check (tenant_id = 'system'),
  password_index bytea not null,
  created_at     timestamptz not null,
  primary key (tenant_id, password_index)
);
select tenant_scoped('blocked_passwords');
