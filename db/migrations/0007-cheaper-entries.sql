-- 0007: what is done for every audit entry, for less. A regular expression in a domain was a tenth of the database's work for
-- an entry, and the places of the bodies were summed up where their writer knows them.

-- The same texts as before, so what is stored need not be looked at again: `not valid` spares a walk through every table.
alter domain uid drop constraint uid_check;
alter domain uid add constraint uid_check
  check (length(value) = 24 and translate(value, '0123456789abcdef', '') = '') not valid;
alter domain tenant_uid drop constraint tenant_uid_check;
alter domain tenant_uid add constraint tenant_uid_check
  check (value = 'system' or (length(value) = 24 and translate(value, '0123456789abcdef', '') = '')) not valid;

-- Entries that are committed together are one row, sealed as one: their texts, one a line. What stands here from before is such a
-- row with one entry, under that entry's uid. Neither this name nor the log's needs a domain: a body opens under its own name
-- alone. Bodies stay in the row up to what a page holds; out of line they would be cut into pieces of 2 KB.
alter table audit_pending alter column entry_id type text;
alter table audit_log alter column entry_id type text;
alter table audit_pending rename column entry_id to pack_id;
alter table audit_pending set (toast_tuple_target = 8160);

drop function record_entries(text, text, text[], integer[], bytea, text[], text[]);

-- Entries of one tenant in one round trip, for the Kubernetes door: sets the tenant for this transaction, stores the entries,
-- opens and ends intents as they say, and answers the tenant's epoch, read by a statement of its own after the insert. Runs with the
-- caller's rights: row-level security holds in it as everywhere.
-- The bodies come as one value, cut by `starts` (from 1) and `lengths`: an array of bytea would cross the wire as escaped
-- hexadecimal text.
create function record_entries(tenant text, replica text, packs text[], starts integer[], lengths integer[], bodies bytea,
                               opens text[], ends text[])
  returns bigint
  language plpgsql volatile set search_path = public, pg_temp
  -- Its plans are kept, and made while open_intents is small: they must not walk through what was deleted there since.
  set enable_seqscan = off
  as $$
begin
  perform set_config('app.tenant_id', tenant, true);
  if cardinality(opens) > 0 then
    insert into open_intents (tenant_id, entry_id, replica_id) select tenant, o.entry_id, replica from unnest(opens) as o (entry_id);
  end if;
  if cardinality(ends) > 0 then
    delete from open_intents o where o.tenant_id = tenant and o.entry_id = any (ends);
  end if;
  insert into audit_pending (tenant_id, pack_id, body)
    select tenant, p.pack_id, substring(bodies from p.start for p.length)
      from unnest(packs, starts, lengths) as p (pack_id, start, length);
  return (select a.epoch from access_epochs a where a.tenant_id = tenant);
end $$;
revoke all on function record_entries(text, text, text[], integer[], integer[], bytea, text[], text[]) from public;
grant execute on function record_entries(text, text, text[], integer[], integer[], bytea, text[], text[]) to palisade_app;
