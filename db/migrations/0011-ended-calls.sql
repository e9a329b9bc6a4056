-- 0011: people end single calls to clusters. The previous release keeps working; it does not hear of such an end.

-- Set by who wants the call ended; whichever replica carries it ends it, and the row goes with the end, as it always did.
alter table open_intents add column end_asked_at timestamptz;
