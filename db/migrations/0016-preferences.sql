-- 0016: settings of one project; domains of a tenant's e-mail addresses; certificates that a tenant keeps. The previous release
-- keeps working and knows none of them.

create table project_settings (
  tenant_id  tenant_uid not null references tenants,
  project_id uid not null,
  kind       text not null,
  value      jsonb not null,
  updated_by uid,
  updated_at timestamptz not null,
  primary key (tenant_id, project_id, kind),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
select tenant_scoped('project_settings');

create table tenant_domains (
  tenant_id  tenant_uid not null references tenants,
  -- In canonical form: lower case, IDNA's ASCII form, no dot at the end.
  domain     text not null,
  position   integer not null,
  created_by uid,
  created_at timestamptz not null,
  primary key (tenant_id, domain),
  -- One of the whole installation: whose it is, no other tenant sees.
  constraint tenant_domains_domain unique (domain)
);
select tenant_scoped('tenant_domains');

create table tenant_certificates (
  tenant_id      tenant_uid not null references tenants,
  certificate_id uid not null,
  name           text not null,
  name_key       text not null,
  -- PEM: the certificate, then its intermediates.
  certificate    text not null,
  is_ca          boolean not null,
  -- Sealed. Null where there is none.
  private_key    bytea,
  labels         jsonb not null default '{}',
  annotations    jsonb not null default '{}',
  created_by     uid,
  created_at     timestamptz not null,
  updated_at     timestamptz not null,
  primary key (tenant_id, certificate_id),
  constraint tenant_certificates_name unique (tenant_id, name_key)
);
select tenant_scoped('tenant_certificates');
