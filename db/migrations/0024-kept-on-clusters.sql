-- 0024: what is kept on clusters: namespaces of single clusters, and when each cluster is looked at next. The previous release
-- keeps working and looks at none.

create table cluster_namespaces (
  tenant_id    tenant_uid not null references tenants,
  namespace_id uid not null,
  cluster_id   uid not null,
  position     integer not null,
  name         text not null,
  labels       jsonb not null default '{}',
  annotations  jsonb not null default '{}',
  -- {cpuCores, memoryMiB, gpuConfig?}; null where there is none.
  allocation   jsonb,
  created_at   timestamptz not null,
  updated_at   timestamptz not null,
  primary key (tenant_id, namespace_id),
  unique (tenant_id, cluster_id, name),
  foreign key (tenant_id, cluster_id) references clusters on delete cascade
);
select tenant_scoped('cluster_namespaces');

-- A row for each cluster on which something is kept, or has to be removed.
create table cluster_reconciliations (
  tenant_id     tenant_uid not null references tenants,
  cluster_id    uid not null,
  -- Raised by every change of what is wanted: who has carried out an older one is not done.
  version       bigint not null default 1,
  due_at        timestamptz not null,
  -- Until then one replica has it in hand, and no other begins.
  claimed_until timestamptz,
  failures      integer not null default 0,
  -- [{owner, resourceType, name, msg}]: what stood in the way the last time.
  errors        jsonb not null default '[]',
  reconciled_at timestamptz,
  primary key (tenant_id, cluster_id),
  foreign key (tenant_id, cluster_id) references clusters on delete cascade
);
create index cluster_reconciliations_due on cluster_reconciliations (due_at);
select tenant_scoped('cluster_reconciliations');

-- Clusters are looked at by time, whichever tenant they belong to. Answers ids only; the work is done in each tenant's scope.
create policy reconciliation on cluster_reconciliations for select to current_user using (true);
create function clusters_to_reconcile(due timestamptz, most integer)
  returns table (tenant_id text, cluster_id text)
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select r.tenant_id::text, r.cluster_id::text from cluster_reconciliations r
     where r.due_at <= due and (r.claimed_until is null or r.claimed_until <= due) order by r.due_at limit most
  $$;
revoke all on function clusters_to_reconcile(timestamptz, integer) from public;
grant execute on function clusters_to_reconcile(timestamptz, integer) to palisade_app;
