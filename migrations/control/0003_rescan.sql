-- How far the re-scan of stored documents is (design/trust.md test 21): one row, written after every page, so that a run that was cut
-- off goes on where it was. A run whose end is set was full; then signatures tells what all that is stored has been scanned with.
create table control.rescan (
  only_row boolean primary key default true check (only_row),
  signatures text not null check (length(signatures) <= 100),
  begun_at timestamptz not null, done_at timestamptz,
  tenant_id int not null, object_key uuid not null,   -- everything up to here has been scanned
  scanned bigint not null default 0, bytes bigint not null default 0, infected bigint not null default 0, accepted bigint not null default 0,
  unscanned bigint not null default 0);
grant select, insert, update on control.rescan to dl_app;
