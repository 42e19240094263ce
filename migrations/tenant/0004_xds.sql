-- What XDS.b brings beyond MHD (spec/ihe.md 1.5, 1.6). Constant defaults rewrite nothing; no index is added: 30 relations are reached.

-- S stable, O on demand (ITI-61). What only such entries and those of other repositories have stands in rest.
alter table tenant.document_entry add column object_type "char" not null default 'S';

-- Folders have versions too (ITI-57); they share their uniqueId. A null logical_id is the id itself. "unique (unique_id)" gives way.
alter table tenant.submission add column logical_id uuid, add column version int not null default 1;
create unique index on tenant.submission (unique_id, version);
drop index tenant.submission_unique_id_idx;

-- status A or D; membership O original, R reference of a set's members (SubmissionSetStatus), null where nobody said; previous_version of a
-- member that updated one (ITI-57); documentation of a transformation as code^system^display. All bounded: the table has no TOAST.
alter table tenant.association add column status "char" not null default 'A', add column membership "char", add column previous_version int,
  add column logical_id uuid, add column version int not null default 1, add column documentation varchar(240);
