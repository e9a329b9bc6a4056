-- 0026: who was shown a link by which somebody sets a password: it works while they may do all that the person may (threat D01).
-- The previous release keeps working, and notes nobody; links that it shows work as before until they end, a day later.

create table link_readers (
  tenant_id        tenant_uid not null,
  link_id          uid not null,
  reader_tenant_id tenant_uid not null,  -- 'system' for who made the tenant
  reader_id        uid not null,         -- kept when they are removed: they know the link all the same
  primary key (tenant_id, link_id, reader_tenant_id, reader_id),
  foreign key (tenant_id, link_id) references link_tokens on delete cascade
);
select tenant_scoped('link_readers');
