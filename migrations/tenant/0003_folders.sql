-- Folders stand beside submission sets: both are RegistryPackages of ebRIM, and a table of their own would pass the 30 relations of a tenant
-- (docs/decisions/0005-folders.md). kind is S for a set, F for a folder; status A approved; codes a folder's codeList as code^system (a set's one
-- code stays in content_type, which is empty for a folder, as source_id is). submission_time is a folder's lastUpdateTime. The set that
-- brought a folder, or added to it, has it as a member; a folder's members are document entries. Constant defaults rewrite nothing.
alter table tenant.submission add column kind "char" not null default 'S', add column status "char" not null default 'A', add column codes text[];
