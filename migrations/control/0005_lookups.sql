-- Citizens are shown who looked (A2). What belongs to no instance is found by patient like the rest.
create index audit_event_by_patient on control.audit_event (patient_id, id) where patient_id is not null;

-- Instances whose log knows a patient of whom they hold nothing: somebody searched there by home community. Keyed hash as in patient_locator.
create table control.log_locator (patient_key uuid, tenant_id int, primary key (patient_key, tenant_id));
grant select, insert on control.log_locator to dl_app;
