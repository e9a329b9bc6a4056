-- 0009: the server side of the console: sign-ins under way, and the sessions of browsers with their sealed tokens. The previous
-- release keeps working.

-- A sign-in that a browser has begun. Nobody knows a tenant yet: the rows are the system's. A row is there until its callback
-- comes, which removes it whatever it says; `expires_at` is looked at on use, never left to a cleaner (threat C07).
create table canvas_sign_ins (
  tenant_id   tenant_uid not null check (tenant_id = 'system'),
  sign_in_id  uid not null,
  cookie_hash bytea not null check (octet_length(cookie_hash) = 32), -- SHA-256 of 256 random bits
  payload     bytea not null,         -- sealed: {state, nonce, verifier, returnTo}
  expires_at  timestamptz not null,
  primary key (tenant_id, sign_in_id)
);
create unique index canvas_sign_ins_by_cookie on canvas_sign_ins (tenant_id, cookie_hash);
create index canvas_sign_ins_by_time on canvas_sign_ins (tenant_id, expires_at);
select tenant_scoped('canvas_sign_ins');

-- A browser's session: what its cookie stands for. It lives no longer than the session that its tokens belong to.
create table canvas_sessions (
  tenant_id         tenant_uid not null,
  canvas_session_id uid not null,
  session_id        uid not null,
  cookie_hash       bytea not null check (octet_length(cookie_hash) = 32),
  tokens            bytea not null,   -- sealed: {access, refresh}
  token_ends_at     timestamptz not null,
  generation        integer not null default 1,  -- raised by each refresh
  refreshing_until  timestamptz,      -- one replica refreshes at a time; another may after this
  created_at        timestamptz not null,
  primary key (tenant_id, canvas_session_id),
  foreign key (tenant_id, session_id) references sessions on delete cascade
);
create unique index canvas_sessions_by_cookie on canvas_sessions (cookie_hash);
create index canvas_sessions_by_session on canvas_sessions (tenant_id, session_id);
select tenant_scoped('canvas_sessions');

-- A cookie says nothing but itself. Answers ids alone.
create policy by_cookie on canvas_sessions for select to current_user using (true);
create function canvas_session_by_cookie(wanted bytea)
  returns table (tenant_id text, canvas_session_id text)
  language sql stable security definer set search_path = public, pg_temp
  as $$ select c.tenant_id::text, c.canvas_session_id::text from canvas_sessions c where c.cookie_hash = wanted $$;
revoke all on function canvas_session_by_cookie(bytea) from public;
grant execute on function canvas_session_by_cookie(bytea) to palisade_app;
