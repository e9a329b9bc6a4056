-- 0017: lists of clusters at size: how many clusters of a project carry the same labels, and the order by name. The previous
-- release keeps working; building the column and the indexes locks the table for about ten seconds a million clusters.

-- Immutable although convert_to is not declared so: a database's encoding does not change.
create function labels_key(labels jsonb) returns bytea
  language sql immutable parallel safe
  return sha256(convert_to(labels::text, 'UTF8'));
revoke all on function labels_key(jsonb) from public;
grant execute on function labels_key(jsonb) to palisade_app;

-- Clusters with the same labels have the same key. It is compared in the labels' place: an index cannot serve jsonb operators
-- under row-level security, for they are not leakproof.
alter table clusters add column labels_key bytea generated always as (labels_key(labels)) stored;
create index clusters_by_name on clusters (tenant_id, name_key, cluster_id);
create index clusters_by_labels on clusters (tenant_id, project_id, labels_key, name_key, cluster_id);

create table cluster_tallies (
  tenant_id  tenant_uid not null references tenants,
  project_id uid not null,
  labels_key bytea not null,
  labels     jsonb not null,
  n          integer not null, -- clusters of the project with exactly these labels
  primary key (tenant_id, project_id, labels_key)
);
insert into cluster_tallies
  select tenant_id, project_id, labels_key, labels, count(*) from clusters group by 1, 2, 3, 4;
select tenant_scoped('cluster_tallies');

-- Raised with every change of the tallies: what was made of them at one revision is right as long as it stands.
create table cluster_revisions (
  tenant_id tenant_uid primary key references tenants,
  revision  bigint not null
);
insert into cluster_revisions select distinct tenant_id, 1 from clusters;
select tenant_scoped('cluster_revisions');

-- Kept by the statement that changes clusters, in its transaction: a tally is never wrong, not even for a moment.
create function tally_clusters() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
  if tg_op = 'UPDATE' then
    -- Most updates renew a token.
    if not exists (select from added a join removed r using (tenant_id, cluster_id)
                    where (a.project_id, a.labels_key) is distinct from (r.project_id, r.labels_key)) then
      return null;
    end if;
  end if;
  -- Whoever changes tallies waits here for others who do: revisions are seen in the order of commits.
  if tg_op = 'DELETE' then
    insert into cluster_revisions as v select distinct tenant_id, 1 from removed
      on conflict (tenant_id) do update set revision = v.revision + 1;
  else
    insert into cluster_revisions as v select distinct tenant_id, 1 from added
      on conflict (tenant_id) do update set revision = v.revision + 1;
  end if;
  if tg_op <> 'INSERT' then
    update cluster_tallies t set n = t.n - gone.n
      from (select tenant_id, project_id, labels_key, count(*) as n from removed group by 1, 2, 3) gone
     where t.tenant_id = gone.tenant_id and t.project_id = gone.project_id and t.labels_key = gone.labels_key;
  end if;
  if tg_op <> 'DELETE' then
    insert into cluster_tallies as t
      select tenant_id, project_id, labels_key, labels, count(*) from added group by 1, 2, 3, 4
      on conflict (tenant_id, project_id, labels_key) do update set n = t.n + excluded.n;
  end if;
  if tg_op <> 'INSERT' then
    delete from cluster_tallies t using removed r
     where t.tenant_id = r.tenant_id and t.project_id = r.project_id and t.labels_key = r.labels_key and t.n = 0;
  end if;
  return null;
end $$;
revoke all on function tally_clusters() from public;

create trigger tally_inserted after insert on clusters
  referencing new table as added for each statement execute function tally_clusters();
create trigger tally_updated after update on clusters
  referencing old table as removed new table as added for each statement execute function tally_clusters();
create trigger tally_deleted after delete on clusters
  referencing old table as removed for each statement execute function tally_clusters();
