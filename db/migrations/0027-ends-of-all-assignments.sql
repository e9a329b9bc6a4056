-- 0027: roles on what filters select and roles on single workspaces may have an end and conditions too. The previous release keeps
-- working and knows none of it: there they count for good and for every request, so give such roles when all replicas are new.

alter table workspace_roles
  add column ends_at timestamptz,
  add column conditions jsonb check (jsonb_typeof(conditions) = 'object');

alter table resource_roles
  add column ends_at timestamptz,
  add column conditions jsonb check (jsonb_typeof(conditions) = 'object');

-- What decides of a resource role is more now (docs/adr/0013); of a role on a workspace every update is noted already.
drop trigger access_row on resource_roles;
create trigger access_row after update on resource_roles for each row
  when ((old.user_id, old.team_id, old.created_at, old.ends_at, old.conditions)
        is distinct from (new.user_id, new.team_id, new.created_at, new.ends_at, new.conditions))
  execute function note_access_row('resource-role', 'resource_role_id');
