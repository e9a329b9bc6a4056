-- 0006: the audit log. First release. The application inserts into audit_pending and reads the log, nothing else;
-- palisade_sequencer, which may touch these tables only, moves entries from one to the other.

create table audit_pending (
  pending_id bigint generated always as identity primary key,
  tenant_id  tenant_uid not null references tenants,
  entry_id   uid not null,
  body       bytea not null           -- sealed: the entry's text without index and prev
);
alter table audit_pending enable row level security;
alter table audit_pending force row level security;
create policy tenant on audit_pending for insert to palisade_app
  with check (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_pending to palisade_sequencer using (true);
grant insert on audit_pending to palisade_app;
grant select, delete on audit_pending to palisade_sequencer;

create table audit_log (
  tenant_id     tenant_uid not null references tenants,
  index         bigint not null check (index >= 0),
  entry_id      uid not null,
  leaf          bytea not null check (octet_length(leaf) = 32),
  line          bytea,                -- sealed; null once destroyed: the leaf stays
  occurred_at   timestamptz not null,
  action_type   text not null,
  event         text not null,
  outcome       text not null,
  resource_kind text not null,
  resource_uid  text not null,
  actor_id      text,
  project_id    text,
  primary key (tenant_id, index),
  unique (tenant_id, entry_id)
);
create index audit_log_by_time on audit_log (tenant_id, occurred_at);
create index audit_log_by_resource on audit_log (tenant_id, resource_uid, index);
alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy tenant on audit_log for select to palisade_app using (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_log to palisade_sequencer using (true) with check (true);
grant select on audit_log to palisade_app;
grant select, insert on audit_log to palisade_sequencer;

create table audit_heads (
  tenant_id       tenant_uid primary key references tenants,
  generation      integer not null check (generation > 0),
  size            bigint not null,
  frontier        bytea not null,
  last_leaf       bytea not null,
  signing_key     bytea not null,     -- sealed Ed25519 key of this log and generation
  verifier_key    text not null,      -- public, in verifier-key form
  checkpoint      text,               -- the last signed note
  checkpoint_size bigint not null default 0,
  signed_at       timestamptz
);
alter table audit_heads enable row level security;
alter table audit_heads force row level security;
create policy tenant on audit_heads for select to palisade_app using (tenant_id = current_setting('app.tenant_id', true));
create policy sequencer on audit_heads to palisade_sequencer using (true) with check (true);
grant select (tenant_id, generation, size, verifier_key, checkpoint, checkpoint_size, signed_at) on audit_heads to palisade_app;
grant select, insert, update on audit_heads to palisade_sequencer;

-- A person's note on an entry: beside the log, whose lines never change. The writing of a note is an entry of its own.
create table audit_notes (
  tenant_id  tenant_uid not null references tenants,
  entry_id   uid not null,
  note       bytea not null,          -- sealed
  updated_at timestamptz not null,
  primary key (tenant_id, entry_id)
);
select tenant_scoped('audit_notes');
