-- The control schema: what belongs to no tenant, or to all. One per database (DESIGN, Tenants).

create table control.tenant (
  id int generated always as identity primary key,
  name text not null unique check (name ~ '^[a-z][a-z0-9-]{0,39}$'),
  home_community_id text collate "C" not null unique,
  repository_unique_id text collate "C" not null unique,
  schema_name text not null unique,
  profile text not null check (profile in ('nhn', 'ihe')),                   -- docs/profiles.md
  state text not null default 'active' check (state in ('active', 'suspended', 'closed')),   -- T6
  share_personnel boolean not null, share_citizen boolean not null, own_organisation_only boolean not null,  -- T5
  created_at timestamptz not null default now(), updated_at timestamptz not null default now());

create table control.tenant_organisation (                                   -- T3: who may write
  tenant_id int not null references control.tenant, organisation text collate "C" not null check (organisation ~ '^[0-9]{9}$'),
  primary key (tenant_id, organisation));
create index tenant_organisation_by_organisation on control.tenant_organisation (organisation);

create table control.patient_locator (                                       -- keyed hash, no identifier in clear
  patient_key uuid, tenant_id int, primary key (patient_key, tenant_id));
create table control.entry_locator (                                         -- entryUUID -> tenants, for a read by id alone
  entry_id uuid, tenant_id int, primary key (entry_id, tenant_id));

-- One row per DPoP proof used (W1). Logged on purpose: an unlogged one is faster and forgets in a crash (spec/postgres.md §4).
create table control.dpop_proof (proof uuid primary key, iat timestamptz not null);
create index dpop_proof_by_iat on control.dpop_proof (iat);

-- One row per audit event that no seal covers yet; insert-only for writers (spec/postgres.md §5).
create table control.audit_pending (tenant_id int, event_id uuid, primary key (tenant_id, event_id))
  with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create table control.audit_event (                                           -- events that belong to no tenant; never updated, never deleted
  id uuid primary key, at timestamptz not null, action "char" not null, outcome "char" not null, operation text not null,
  patient_id text collate "C", entry_id uuid, actor jsonb not null, detail jsonb);

grant usage on schema control to dl_app;
grant select on control.tenant, control.tenant_organisation, control.schema_version to dl_app;
grant select, insert, delete on control.patient_locator, control.entry_locator, control.dpop_proof to dl_app;
grant select, insert on control.audit_pending, control.audit_event to dl_app;
