-- 0004: sessions, API keys, single-use links, revoked tokens, counted attempts. First release.
-- Secrets are stored as hashes: a stolen backup holds no live session, key or link.

create table sessions (
  tenant_id       tenant_uid not null,
  session_id      uid not null,
  user_id         uid not null,
  credential_epoch bigint not null,
  created_at      timestamptz not null,
  last_seen_at    timestamptz not null,
  idle_seconds    integer not null check (idle_seconds > 0),
  absolute_end_at timestamptz not null,
  ended_at        timestamptz,
  end_reason      text,
  client          bytea,              -- sealed: {address, userAgent}
  primary key (tenant_id, session_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index sessions_by_user on sessions (tenant_id, user_id);
select tenant_scoped('sessions');

-- Tokens that were revoked by name, `jti` being the token's own id. They go with their session.
create table revoked_tokens (
  tenant_id  tenant_uid not null,
  session_id uid not null,
  jti        text not null,
  primary key (tenant_id, session_id, jti),
  foreign key (tenant_id, session_id) references sessions on delete cascade
);
select tenant_scoped('revoked_tokens');

create table api_keys (
  tenant_id   tenant_uid not null,
  key_id      uid not null,
  user_id     uid not null,
  name        text not null,
  annotations jsonb not null default '{}',
  labels      jsonb not null default '{}',
  secret_hash bytea not null,         -- SHA-256 of 256 random bits
  is_active   boolean not null default true,
  expires_at  timestamptz,
  last_used_at timestamptz,
  created_by  uid not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, key_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index api_keys_by_user on api_keys (tenant_id, user_id);
select tenant_scoped('api_keys');

-- A link is there until it is used or replaced.
create table link_tokens (
  tenant_id   tenant_uid not null,
  link_id     uid not null,
  user_id     uid not null,
  purpose     text not null check (purpose in ('activate', 'reset')),
  secret_hash bytea not null,
  token       bytea not null,         -- sealed: the link is shown again to those who may see it
  expires_at  timestamptz not null,   -- looked at on use, never left to a cleaner (threat C07)
  created_at  timestamptz not null,
  primary key (tenant_id, link_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index link_tokens_by_user on link_tokens (tenant_id, user_id);
select tenant_scoped('link_tokens');

-- Attempts per account HMAC and per network (/64, /32); no tenant: most attempts name none.
create table sign_in_attempts (
  attempt_key  bytea primary key,
  failures     integer not null,
  window_start timestamptz not null,
  locked_until timestamptz
);
create index sign_in_attempts_by_time on sign_in_attempts (window_start);
grant select, insert, update, delete on sign_in_attempts to palisade_app;
