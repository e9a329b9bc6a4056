-- 0010: clusters that trust our own issuer (credential mode `token`), and whether people may be given tokens for such a cluster
-- itself. The previous release keeps working; it refuses calls to clusters that were switched to tokens (503).

alter table clusters
  add column credential_mode text not null default 'impersonation' check (credential_mode in ('impersonation', 'token')),
  add column direct_tokens boolean not null default false,
  -- In token mode there is no account whose token could be stolen: it goes when the mode is switched.
  drop constraint clusters_check,
  add constraint clusters_reachable check ((state = 'ready') = (credential is not null or credential_mode = 'token')),
  add constraint clusters_token_has_no_account check (credential_mode = 'impersonation' or credential is null),
  add constraint clusters_direct_by_token check (credential_mode = 'token' or not direct_tokens);
