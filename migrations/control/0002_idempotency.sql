-- One row per Idempotency-Key in use (DESIGN, "One upload" 4-5). While an attempt runs, the row is its lease; once the upload is
-- registered, in the same transaction, it is the way back to the first answer, which stands on the tenant's submission.
create table control.idempotency (
  key uuid primary key,                               -- first half of SHA-256 over client, organisation and key: what a client writes there may be anything
  attempt uuid not null,                              -- who holds the lease
  until timestamptz not null,                         -- running: end of the lease; answered: when the key is forgotten
  body bytea check (length(body) = 32),               -- SHA-256 of the request's body; null while running
  tenant_id int, submission_id uuid,
  check ((body is null) = (submission_id is null) and (body is null) = (tenant_id is null)));
create index idempotency_by_until on control.idempotency (until);
grant select, insert, update, delete on control.idempotency to dl_app;
