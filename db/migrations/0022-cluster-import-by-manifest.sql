-- 0022: clusters that are imported by manifest (state `pending` until somebody says where they are), read-only imports, where a
-- cluster runs and stands; lists walk in the index alone where they are asked for a page far away. The previous release keeps
-- working with what it knows: it cannot show clusters that are pending, and lets a read-only one be changed.

alter table clusters
  add column import_mode text not null default 'full' check (import_mode in ('full', 'read-only')),
  add column cloud_type  text not null default 'generic' check (cloud_type in
    ('generic', 'aws', 'azure', 'gcp', 'vsphere', 'maas', 'edge-native', 'apache-cloudstack')),
  add column location    jsonb,       -- as somebody said it
  alter column server_url drop not null,
  alter column ca_pem drop not null,
  alter column kubernetes_version drop not null,
  alter column contacted_at drop not null,
  drop constraint clusters_state_check,
  add constraint clusters_state_check check (state in ('pending', 'needs-bindings', 'ready')),
  -- Where it is, is known as a whole or not at all.
  add constraint clusters_reached check (
    num_nulls(server_url, ca_pem, kubernetes_version, contacted_at) = case when state = 'pending' then 4 else 0 end);

drop index clusters_by_name;
create index clusters_by_name on clusters (tenant_id, name_key, cluster_id) include (project_id, labels_key);
