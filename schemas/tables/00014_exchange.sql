-- The exchange: staff from a list of their own, and the ways to the trail and
-- to a force's receipts that grow long.

-- +goose Up
-- +goose StatementBegin

-- In the staff list that was taken last. Such a member of staff is there though
-- the extract names no case of theirs, and their address is no guess.
alter table staff add listed boolean not null default false;

-- A row of the rota that a file brought is taken away by a later file that does
-- not have it; one that somebody set by hand is not.
alter table rota add from_file boolean not null default false;

-- When a force was heard of, and its pauses.
create index receipt_heard on receipt (force, received_at);

-- The trail, filtered by what was done.
create index if not exists audit_what on audit (what, id);

-- A row of a receipt or an incident is written in the transaction of what
-- refers to it, and never deleted. Checking it again for each record locked and
-- wrote the row each time, and was a third of what taking a record costs;
-- reconciliation looks for what refers to nothing. That a revision has its
-- incident is checked as before.
alter table receipt_line drop constraint receipt_line_receipt_fkey;
alter table receipt_line drop constraint receipt_line_incident_fkey;
alter table revision drop constraint revision_receipt_fkey;

-- So it is with a person and the CRN that one statement writes; nobody is ever
-- deleted, and 240,000 checks are a good part of an import.
alter table crn drop constraint crn_person_fkey;

-- Nothing asks for the revisions of a receipt.
drop index revision_receipt;

-- +goose StatementEnd
