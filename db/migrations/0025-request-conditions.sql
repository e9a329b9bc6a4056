-- 0025: what a request must be like for a role to count: when, from where, how long after signing in. The previous release keeps working
-- and knows none of it: a role that is given under conditions counts there without them, so give such roles when all replicas are new.

alter table role_assignments add column conditions jsonb check (jsonb_typeof(conditions) = 'object');
