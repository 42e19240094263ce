-- What the uploader was told, so that it can be told again word for word (idempotency, receipts).
alter table tenant.submission add column receipt jsonb;

-- The times document-status answers with; null for what was stored before this version. deleted_at is when removal was decided.
-- held is the message of a quarantined document, under which it is published if it is released, and the desk's notes; null for all
-- others. It brings a TOAST table: 30 relations are reached.
alter table tenant.stored_object add column received_at timestamptz, add column scanned_at timestamptz, add column deleted_at timestamptz,
  add column held jsonb;
