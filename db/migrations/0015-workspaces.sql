-- 0015: workspaces, roles that are given on one of them, and role bindings that are kept on clusters. The previous release
-- keeps working; roles on workspaces are in a table of their own, so that they grant nothing in it.

create table workspaces (
  tenant_id    tenant_uid not null references tenants,
  workspace_id uid not null,
  project_id   uid not null,
  name         text not null,
  name_key     text not null,
  -- [{name, namespaceResourceAllocation?}], in the order in which they were written.
  namespaces   jsonb not null default '[]',
  -- {cpuCores, memoryMiB, gpuConfig?}, of all of it together; null where there is none.
  quota        jsonb,
  labels       jsonb not null default '{}',
  annotations  jsonb not null default '{}',
  created_by   uid,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  primary key (tenant_id, workspace_id),
  constraint workspaces_name unique (tenant_id, project_id, name_key),
  foreign key (tenant_id, project_id) references projects on delete cascade
);
create index workspaces_by_label on workspaces using gin (labels jsonb_path_ops);
select tenant_scoped('workspaces');

create table workspace_clusters (
  tenant_id    tenant_uid not null,
  workspace_id uid not null,
  cluster_id   uid not null,
  position     integer not null,
  primary key (tenant_id, workspace_id, cluster_id),
  foreign key (tenant_id, workspace_id) references workspaces on delete cascade,
  foreign key (tenant_id, cluster_id) references clusters on delete cascade
);
create index workspace_clusters_by_cluster on workspace_clusters (tenant_id, cluster_id);
select tenant_scoped('workspace_clusters');

-- One row says: this subject holds this role on this workspace. No foreign key for roles: some are in the program.
create table workspace_roles (
  tenant_id     tenant_uid not null references tenants,
  assignment_id uid not null,
  user_id       uid,
  team_id       uid,
  role_id       uid not null,
  workspace_id  uid not null,
  created_by    uid,
  created_at    timestamptz not null,
  primary key (tenant_id, assignment_id),
  foreign key (tenant_id, user_id) references users on delete cascade,
  foreign key (tenant_id, team_id) references teams on delete cascade,
  foreign key (tenant_id, workspace_id) references workspaces on delete cascade,
  check ((user_id is null) <> (team_id is null)),
  unique nulls not distinct (tenant_id, user_id, team_id, role_id, workspace_id)
);
create index workspace_roles_by_team on workspace_roles (tenant_id, team_id) where team_id is not null;
create index workspace_roles_by_workspace on workspace_roles (tenant_id, workspace_id);
create index workspace_roles_by_role on workspace_roles (tenant_id, role_id);
select tenant_scoped('workspace_roles');

-- A set of role bindings, on all clusters of a workspace or on one cluster.
create table cluster_rbacs (
  tenant_id    tenant_uid not null references tenants,
  rbac_id      uid not null,
  workspace_id uid,
  cluster_id   uid,
  position     integer not null,
  name         text not null,
  labels       jsonb not null default '{}',
  annotations  jsonb not null default '{}',
  -- [{type, namespace, role, subjects}] as they were written.
  bindings     jsonb not null,
  created_by   uid,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  primary key (tenant_id, rbac_id),
  foreign key (tenant_id, workspace_id) references workspaces on delete cascade,
  foreign key (tenant_id, cluster_id) references clusters on delete cascade,
  check ((workspace_id is null) <> (cluster_id is null))
);
create index cluster_rbacs_by_workspace on cluster_rbacs (tenant_id, workspace_id) where workspace_id is not null;
create index cluster_rbacs_by_cluster on cluster_rbacs (tenant_id, cluster_id) where cluster_id is not null;
select tenant_scoped('cluster_rbacs');
