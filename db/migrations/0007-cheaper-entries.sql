-- 0007: what is done for every audit entry, for less. A regular expression in a domain was a tenth of the database's work for
-- an entry, and the places of the bodies were summed up where their writer knows them.

alter domain uid drop constraint uid_check;
alter domain uid add constraint uid_check
  check (length(value) = 24 and translate(value, '0123456789abcdef', '') = '');
alter domain tenant_uid drop constraint tenant_uid_check;
alter domain tenant_uid add constraint tenant_uid_check
  check (value = 'system' or (length(value) = 24 and translate(value, '0123456789abcdef', '') = ''));

-- Its body opens under this name alone, and only then does it become an entry, whose column is a uid.
alter table audit_pending alter column entry_id type text;

drop function record_entries(text, text, text[], integer[], bytea, text[], text[]);

-- Entries of one tenant in one round trip, for the Kubernetes door: sets the tenant for this transaction, stores the entries,
-- opens and ends intents as they say, and answers the tenant's epoch, read by a statement of its own after the insert. Runs with the
-- caller's rights: row-level security holds in it as everywhere.
-- The bodies come as one value, cut by `starts` (from 1) and `lengths`: an array of bytea would cross the wire as escaped
-- hexadecimal text.
create function record_entries(tenant text, replica text, entries text[], starts integer[], lengths integer[], bodies bytea,
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
  insert into audit_pending (tenant_id, entry_id, body)
    select tenant, e.entry_id, substring(bodies from e.start for e.length)
      from unnest(entries, starts, lengths) as e (entry_id, start, length);
  return (select a.epoch from access_epochs a where a.tenant_id = tenant);
end $$;
revoke all on function record_entries(text, text, text[], integer[], integer[], bytea, text[], text[]) from public;
grant execute on function record_entries(text, text, text[], integer[], integer[], bytea, text[], text[]) to palisade_app;
