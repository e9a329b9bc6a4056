-- 0012: roles of a tenant's own, tag filters, and roles that are given on what a filter selects. The previous release keeps
-- working; what is given here grants nothing in it.

create table roles (
  tenant_id   tenant_uid not null references tenants,
  role_id     uid not null,
  name        text not null,
  name_key    text not null,
  scope       text not null check (scope in ('tenant', 'project', 'resource')),
  permissions text[] not null,
  is_enabled  boolean not null default true,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  created_by  uid,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, role_id),
  unique (tenant_id, name_key)
);
select tenant_scoped('roles');
create index role_assignments_by_role on role_assignments (tenant_id, role_id);

create table filters (
  tenant_id   tenant_uid not null references tenants,
  filter_id   uid not null,
  name        text not null,
  name_key    text not null,
  conjunction text not null check (conjunction in ('and', 'or')),
  -- [{key, operator, negation, values}], in the order in which they were written.
  expressions jsonb not null,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, filter_id),
  unique (tenant_id, name_key)
);
select tenant_scoped('filters');

-- One row says: this subject holds these roles on what these filters select in these projects.
create table resource_roles (
  tenant_id        tenant_uid not null references tenants,
  resource_role_id uid not null,
  user_id          uid,
  team_id          uid,
  created_by       uid,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  primary key (tenant_id, resource_role_id),
  foreign key (tenant_id, user_id) references users on delete cascade,
  foreign key (tenant_id, team_id) references teams on delete cascade,
  check ((user_id is null) <> (team_id is null))
);
create index resource_roles_by_user on resource_roles (tenant_id, user_id) where user_id is not null;
create index resource_roles_by_team on resource_roles (tenant_id, team_id) where team_id is not null;
select tenant_scoped('resource_roles');

create table resource_role_projects (
  tenant_id        tenant_uid not null,
  resource_role_id uid not null,
  project_id       uid not null,
  position         integer not null,
  primary key (tenant_id, resource_role_id, project_id),
  foreign key (tenant_id, resource_role_id) references resource_roles on delete cascade,
  foreign key (tenant_id, project_id) references projects on delete cascade
);
create index resource_role_projects_by_project on resource_role_projects (tenant_id, project_id);
select tenant_scoped('resource_role_projects');

-- A filter that is in use stays: without it a role would select something else than was meant.
create table resource_role_filters (
  tenant_id        tenant_uid not null,
  resource_role_id uid not null,
  filter_id        uid not null,
  position         integer not null,
  primary key (tenant_id, resource_role_id, filter_id),
  foreign key (tenant_id, resource_role_id) references resource_roles on delete cascade,
  foreign key (tenant_id, filter_id) references filters
);
create index resource_role_filters_by_filter on resource_role_filters (tenant_id, filter_id);
select tenant_scoped('resource_role_filters');

-- No foreign key: the roles that every installation has are in the program.
create table resource_role_roles (
  tenant_id        tenant_uid not null,
  resource_role_id uid not null,
  role_id          uid not null,
  position         integer not null,
  primary key (tenant_id, resource_role_id, role_id),
  foreign key (tenant_id, resource_role_id) references resource_roles on delete cascade
);
create index resource_role_roles_by_role on resource_role_roles (tenant_id, role_id);
select tenant_scoped('resource_role_roles');

-- What a list shows to somebody whose roles reach it by tags.
create index clusters_by_label on clusters using gin (labels jsonb_path_ops);
