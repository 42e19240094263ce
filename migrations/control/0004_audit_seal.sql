-- Tamper evidence of the audit log (docs/audit-seal.md). Tenant 0 is the control log, of events that belong to no tenant.

-- One row per batch that was put in order, in the order in which all logs were sealed. no has no gap and is given out under the lock of
-- audit_last: whoever has read up to a number has missed nothing before it.
create table control.audit_seal (
  no bigint primary key,
  tenant_id int not null,
  seq bigint not null,                                -- size of the tenant's log after this batch
  n int not null,                                     -- events in it
  at timestamptz not null,
  rows bytea not null,                                -- n times (16 bytes event id, 32 bytes leaf hash), in sealing order
  root bytea not null,                                -- of the tenant's tree of seq leaves
  link bytea not null,                                -- hash over all above and over the link of the tenant's seal before
  unique (tenant_id, seq));
alter table control.audit_seal alter rows set storage external;      -- hashes do not compress

create table control.audit_head (                     -- the newest head of each log
  tenant_id int primary key,
  seq bigint not null,
  nodes bytea not null,                               -- the tree's compact range: what it takes to grow it
  link bytea not null,                                -- of the last seal
  day_note bytea,                                     -- SHA-256 of the log's last note in audit_day
  note text not null) with (fillfactor = 50);         -- the signed head: size, root, link and day_note

create table control.audit_day (                      -- the first head after the end of each day (Europe/Oslo); kept for ever
  tenant_id int, day date, note text not null, primary key (tenant_id, day));
create index audit_day_by_day on control.audit_day (day, tenant_id);

create table control.audit_prune (                    -- the first seq events of a log may be gone: all were from before that time
  tenant_id int, seq bigint, before timestamptz not null, note text not null, primary key (tenant_id, seq));

create table control.audit_last (only_row boolean primary key default true check (only_row), no bigint not null);
insert into control.audit_last (no) values (0);

-- What is there already. Events of tenants have had their notes from the first version on.
lock table control.audit_event in share row exclusive mode;
insert into control.audit_pending (tenant_id, event_id) select 0, id from control.audit_event on conflict do nothing;

-- Only the sealer takes this role, with "set local role" (package audit): no other statement of the service can touch a seal. Roles are the
-- cluster's, where another database's migration may be making it now.
do $$ begin
  create role dl_sealer nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$ begin
  if not pg_has_role('dl_app', 'dl_sealer', 'member') then
    grant dl_sealer to dl_app;
  end if;
exception when unique_violation then null;
end $$;
grant usage on schema control to dl_sealer;
grant select, delete on control.audit_pending to dl_sealer;
grant select, insert on control.audit_seal, control.audit_day to dl_sealer;
grant select, insert, update on control.audit_head to dl_sealer;
grant select, update on control.audit_last to dl_sealer;
grant select on control.audit_seal, control.audit_head, control.audit_day, control.audit_prune, control.audit_last to dl_app;
