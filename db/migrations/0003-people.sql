-- 0003: users, teams, projects and who holds which role. First release.
-- Names and e-mails of people are sealed; `*_index` are blind indexes for equality.

create table users (
  tenant_id        tenant_uid not null references tenants,
  user_id          uid not null,
  email            bytea not null,
  email_index      bytea not null,
  first_name       bytea not null,
  last_name        bytea not null,
  state            text not null check (state in ('pending', 'active', 'inactive')),
  login_mode       text not null default 'devops' check (login_mode in ('dev', 'devops')),
  admin_type       text check (admin_type in ('root', 'OperationAdmin', 'AccountAdmin')), -- tenant `system` alone
  password         bytea,              -- sealed argon2id string; null until the person sets one
  password_set_at  timestamptz,
  password_resetting boolean not null default false,
  credential_epoch bigint not null default 1,  -- raised by what ends every credential: password change, deactivation
  labels           jsonb not null default '{}',
  annotations      jsonb not null default '{}',
  last_sign_in_at  timestamptz,
  created_at       timestamptz not null,
  updated_at       timestamptz not null,
  primary key (tenant_id, user_id),
  unique (tenant_id, email_index),
  check ((admin_type is not null) = (tenant_id = 'system'))
);
select tenant_scoped('users');

create table teams (
  tenant_id   tenant_uid not null references tenants,
  team_id     uid not null,
  name        text not null,
  name_key    text not null,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, team_id),
  unique (tenant_id, name_key)
);
select tenant_scoped('teams');

create table team_members (
  tenant_id     tenant_uid not null,
  team_id       uid not null,
  user_id       uid not null,
  team_position integer not null default 0,  -- order of a team in the user's list
  user_position integer not null default 0,  -- order of a user in the team's list
  primary key (tenant_id, team_id, user_id),
  foreign key (tenant_id, team_id) references teams on delete cascade,
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index team_members_by_user on team_members (tenant_id, user_id);
select tenant_scoped('team_members');

create table projects (
  tenant_id   tenant_uid not null references tenants,
  project_id  uid not null,
  name        text not null,
  name_key    text not null,
  labels      jsonb not null default '{}',
  annotations jsonb not null default '{}',
  logo_uid    text,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  primary key (tenant_id, project_id),
  unique (tenant_id, name_key)
);
select tenant_scoped('projects');

-- One row says: this subject holds this role, in the tenant (project_id null) or in one project.
create table role_assignments (
  tenant_id     tenant_uid not null references tenants,
  assignment_id uid not null,
  user_id       uid,
  team_id       uid,
  role_id       uid not null,
  project_id    uid,
  ends_at       timestamptz,
  created_by    uid,
  created_at    timestamptz not null,
  primary key (tenant_id, assignment_id),
  foreign key (tenant_id, user_id) references users on delete cascade,
  foreign key (tenant_id, team_id) references teams on delete cascade,
  foreign key (tenant_id, project_id) references projects on delete cascade,
  check ((user_id is null) <> (team_id is null)),
  unique nulls not distinct (tenant_id, user_id, team_id, role_id, project_id)
);
create index role_assignments_by_project on role_assignments (tenant_id, project_id);
select tenant_scoped('role_assignments');

-- E-mail → tenants, before the tenant is known. Keyed by HMAC under the installation's salt (version in the first byte).
create table login_directory (
  directory_index bytea not null,
  tenant_id       tenant_uid not null,
  user_id         uid not null,
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index login_directory_by_email on login_directory (directory_index);
select tenant_scoped('login_directory');
create policy lookup on login_directory for select to current_user using (true);
create function tenants_of_login(wanted bytea) returns setof text
  language sql stable security definer set search_path = public, pg_temp
  -- At most two: sign-in only needs none, one or several.
  as $$ select d.tenant_id::text from login_directory d where d.directory_index = wanted and d.tenant_id <> 'system' limit 2 $$;
revoke all on function tenants_of_login(bytea) from public;
grant execute on function tenants_of_login(bytea) to palisade_app;
