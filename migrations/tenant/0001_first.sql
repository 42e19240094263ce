-- One tenant's schema: few tables, because the catalogue is what limits the number of tenants (spec/postgres.md §1).
-- At most 30 relations, TOAST and indexes counted; a test counts them. No foreign keys, sequences or enums: ids are UUIDv7
-- of the application. association, stored_object and confidentiality_change have bounded columns only and so no TOAST table.

create table tenant.document_entry (
  id uuid primary key,                                -- entryUUID
  logical_id uuid not null, version int not null,
  unique_id text collate "C" not null,
  alias_id text collate "C",                          -- the other identifier it is found under (docs/profiles.md)
  patient_id text collate "C" not null,               -- CX, canonical
  status "char" not null,                             -- A approved, D deprecated, T tombstone
  submission_id uuid not null, object_key uuid not null,
  class_code text collate "C" not null, type_code text collate "C" not null, format_code text collate "C" not null,  -- code^system
  facility_code text collate "C" not null, practice_code text collate "C" not null,
  event_codes text[], confidentiality text[] not null, reference_ids text[],
  creation_time timestamptz not null, service_start timestamptz, service_stop timestamptz,
  mime_type text not null, size bigint not null, sha1 bytea not null, sha256 bytea not null,
  registered_at timestamptz not null,
  rest jsonb not null);                               -- title, comments, language, authors, source patient, displays, precisions
create index on tenant.document_entry (unique_id);    -- not unique: the same document may be registered again, versions share it
create index on tenant.document_entry (alias_id);
create unique index on tenant.document_entry (logical_id, version);
create index on tenant.document_entry (patient_id, status, creation_time desc, id desc);

create table tenant.submission (                      -- submission sets
  id uuid primary key, unique_id text collate "C" not null, patient_id text collate "C" not null,
  source_id text not null, content_type text not null, submission_time timestamptz not null,
  registered_at timestamptz not null, rest jsonb not null);
create unique index on tenant.submission (unique_id);
create index on tenant.submission (patient_id, submission_time desc, id desc);

create table tenant.association (
  id uuid primary key, kind "char" not null, source_id uuid not null, target_id uuid not null,
  submission_id uuid not null, registered_at timestamptz not null);
create index on tenant.association (source_id);
create index on tenant.association (target_id);

create table tenant.stored_object (                   -- S stored, Q quarantined, R to be removed, G gone
  key uuid primary key, state "char" not null, size bigint not null, sha256 bytea not null check (length(sha256) = 32),
  finding varchar(100), mime_type varchar(60) not null, event_id uuid not null,
  stored_at timestamptz not null, changed_at timestamptz not null);
create index on tenant.stored_object (state, stored_at) where state <> 'S';

create table tenant.confidentiality_change (          -- W5: each change of privacy settings is kept as an event of its own
  logical_id uuid, changed_at timestamptz, codes varchar(240) not null, previous varchar(240) not null,
  event_id uuid not null, primary key (logical_id, changed_at, event_id));

create table tenant.audit_event (                     -- never updated, never deleted by the service
  id uuid primary key,                                -- UUIDv7: the primary key is also the index by time
  at timestamptz not null, action "char" not null, outcome "char" not null, operation text not null,
  patient_id text collate "C", entry_id uuid, actor jsonb not null, detail jsonb);
create index on tenant.audit_event (patient_id, id) where patient_id is not null;

grant select, insert, update, delete on tenant.document_entry, tenant.submission, tenant.association, tenant.stored_object to tenant_role;
grant select, insert on tenant.audit_event, tenant.confidentiality_change to tenant_role;
