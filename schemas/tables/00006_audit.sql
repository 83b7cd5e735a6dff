-- The trail: append-only and hash-chained. Ids and hashes, never names.

-- +goose Up
-- +goose StatementBegin

create table audit (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default clock_timestamp(),
  actor        text not null, -- account.subject, force:60, or a service
  what         text not null, -- PAGE_VIEW_MATCH, MATCH_CONFIRMED, …
  service      text not null,
  subject_type text not null default '',
  subject_id   text not null default '',
  correlation  text not null default '', -- X-Request-Id
  details      jsonb not null default '{}'
);

create index audit_actor on audit (actor, id);
create index audit_subject on audit (subject_type, subject_id, id);

-- One sealer chains committed rows each second, so that no request waits for another.
create table audit_seal (
  seq   bigint primary key,
  audit bigint not null unique references audit,
  hash  bytea not null -- SHA-256 over the previous hash and the row
);

-- Rows that the sealer has not seen. A row's number does not tell: the numbers
-- of transactions that commit late are lower than those sealed already.
create table audit_unsealed (
  audit bigint primary key references audit
);

create function audit_to_seal() returns trigger language plpgsql as $$
begin
  insert into audit_unsealed (audit)
  select id
    from fresh;
  return null;
end $$;

create trigger audit_to_seal after insert on audit
  referencing new table as fresh
  for each statement execute function audit_to_seal();

create function audit_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit trail is append-only';
end $$;

create trigger audit_append_only before update or delete or truncate on audit
  for each statement execute function audit_append_only();

create trigger audit_seal_append_only before update or delete or truncate on audit_seal
  for each statement execute function audit_append_only();

-- +goose StatementEnd
