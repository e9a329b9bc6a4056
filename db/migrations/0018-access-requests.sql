-- 0018: requests for roles. The previous release keeps working and knows none of them.

create table access_requests (
  tenant_id     tenant_uid not null references tenants,
  request_id    uid not null,
  user_id       uid not null,
  -- Blind index of the mailbox that the account had when it asked: another account of the same person is told by it.
  mailbox       bytea not null,
  role_id       uid not null,
  -- Without a project the role is asked for in the tenant.
  project_id    uid,
  seconds       integer not null check (seconds > 0),
  -- Sealed: what people write to each other.
  reason        bytea not null,
  state         text not null default 'open' check (state in ('open', 'approved', 'denied', 'withdrawn', 'expired')),
  created_at    timestamptz not null,
  -- From then on nobody answers it any more.
  expires_at    timestamptz not null,
  decided_by    uid,
  decided_at    timestamptz,
  -- Sealed.
  note          bytea,
  -- Of an approved one: until when the role was given.
  ends_at       timestamptz,
  changed_at    timestamptz not null,
  primary key (tenant_id, request_id),
  foreign key (tenant_id, user_id) references users on delete cascade,
  foreign key (tenant_id, project_id) references projects on delete cascade
);
create index access_requests_by_user on access_requests (tenant_id, user_id, created_at);
create index access_requests_by_change on access_requests (tenant_id, changed_at);
create index access_requests_by_project on access_requests (tenant_id, project_id);
create index access_requests_open on access_requests (tenant_id, created_at) where state = 'open';
create index access_requests_to_expire on access_requests (expires_at) where state = 'open';
-- The same is not asked for twice at once.
create unique index access_requests_once on access_requests (tenant_id, user_id, role_id, project_id) nulls not distinct
  where state = 'open';
select tenant_scoped('access_requests');

-- Requests expire by time, whichever tenant they belong to. Answers ids only; the work is done in each tenant's scope.
create policy expiry on access_requests for select to current_user using (true);
create function access_requests_to_expire(due timestamptz, most integer)
  returns table (tenant_id text, request_id text)
  language sql stable security definer set search_path = public, pg_temp
  as $$
    select r.tenant_id::text, r.request_id::text from access_requests r
     where r.state = 'open' and r.expires_at <= due order by r.expires_at limit most
  $$;
revoke all on function access_requests_to_expire(timestamptz, integer) from public;
grant execute on function access_requests_to_expire(timestamptz, integer) to palisade_app;
