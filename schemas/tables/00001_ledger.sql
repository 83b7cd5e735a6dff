-- The ledger: what forces sent, what they were answered, and where each
-- accepted revision stands. It is the record; the streams are only transport.

-- +goose Up
-- +goose StatementBegin

-- Keys of this installation, made by whoever needs one first. They are not
-- personal data; losing the ledger's would make resent incidents look like
-- conflicts, so they are backed up with the tables that they belong to.
create table secret (
  name       text primary key,
  value      bytea not null,
  created_at timestamptz not null default now()
);

create table force_key (
  id           bigint generated always as identity primary key,
  force        text not null check (force ~ '^[0-9]{2}$'),
  name         text not null,
  hash         bytea not null unique, -- SHA-256 of a random 256-bit key, which is shown once and kept nowhere
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null,
  revoked_at   timestamptz,
  last_used_at timestamptz
);

create table receipt (
  id              uuid primary key,
  force           text not null,
  channel         text not null, -- http, file or command line
  idempotency_key text,
  request_digest  bytea,         -- of the body sent under that key: another body under the same key is refused
  received_at     timestamptz not null default now(),
  completed_at    timestamptz,   -- null while a long submission is still being read
  accepted        integer not null default 0,
  duplicate       integer not null default 0,
  rejected        integer not null default 0,
  redacted        integer not null default 0,
  dropped         jsonb not null default '{}', -- unknown field → how often it was dropped
  problem         jsonb,                       -- why the submission as a whole ended early
  unique (force, idempotency_key)
);

create table incident (
  id         bigint generated always as identity primary key,
  force      text not null,
  reference  text not null,
  head       integer not null, -- the newest revision; the row is the lock for all of them
  created_at timestamptz not null default now(),
  unique (force, reference)
);

create table revision (
  incident         bigint not null references incident,
  number           integer not null check (number >= 1),
  status           text not null check (status in ('live', 'withdrawn')),
  kind             text not null check (kind in ('arrest', 'incident')),
  type             text not null default '',
  reported_at      timestamptz not null,
  occurred_from    timestamptz not null,
  domestic_abuse   boolean not null default false,
  children_present boolean not null default false,
  dash             text not null default '',
  redacted         boolean not null default false, -- no party is named
  body             bytea,                          -- canonical JSON; null once erased
  digest           bytea not null,                 -- keyed hash of the canonical incident, not of the bytes sent
  disposition      text not null default 'in_flight'
                   check (disposition in ('in_flight', 'matched', 'unmatched', 'withdrawn', 'superseded', 'quarantined')),
  register_version bigint, -- the register it was last scored against
  involvements     integer[] not null default '{}', -- the lasting number of each person, in the order received
  receipt          uuid not null references receipt,
  received_at      timestamptz not null default now(),
  settled_at       timestamptz,
  erased_at        timestamptz,
  primary key (incident, number),
  check ((body is null) = (erased_at is not null))
);

create index revision_in_flight on revision (received_at) where disposition = 'in_flight';
create index revision_held on revision (register_version) where disposition in ('matched', 'unmatched') and erased_at is null;
create index revision_received on revision (received_at);
create index revision_receipt on revision (receipt);

create table receipt_line (
  receipt   uuid not null references receipt,
  line      integer not null, -- 1, 2, 3 … as answered
  record    integer not null, -- where it stood: the line of a CSV, the position in JSON, both from 1
  reference text not null default '',
  revision  integer not null default 0,
  status    text not null check (status in ('accepted', 'duplicate', 'rejected')),
  incident  bigint references incident,
  problems  jsonb not null default '[]', -- [{pointer|row, column, code, message, action}], without any value that was sent
  primary key (receipt, line)
);

create index receipt_line_incident on receipt_line (incident, revision);

-- The same revision sent with another body, kept aside for the force to resolve.
create table conflict (
  id          bigint generated always as identity primary key,
  incident    bigint not null references incident,
  number      integer not null,
  digest      bytea not null,
  body        bytea,
  receipt     uuid not null references receipt,
  received_at timestamptz not null default now(),
  resolved_at timestamptz,
  resolution  text,
  unique (incident, number, digest)
);

-- What a stage could not do, and why. Nothing is dropped: it waits here for a hand.
create table quarantine (
  id          bigint generated always as identity primary key,
  stage       text not null,
  event       bigint,          -- the nudge that failed; null when a sweeper found it
  subject     text not null,
  incident    bigint references incident,
  reason      text not null,
  attempts    integer not null,
  at          timestamptz not null default now(),
  resolved_at timestamptz,
  resolution  text
);

create unique index quarantine_waiting on quarantine (stage, incident) where resolved_at is null and incident is not null;

-- Every event is a row, written in the transaction that caused it.
create table event (
  id           bigint generated always as identity primary key,
  subject      text not null,
  payload      jsonb not null, -- ids and times only
  created_at   timestamptz not null default now(),
  published_at timestamptz
);

create index event_unpublished on event (id) where published_at is null;

create function event_notify() returns trigger language plpgsql as $$
begin
  perform pg_notify('event', '');
  return null;
end $$;

create trigger event_notify after insert on event
  for each statement execute function event_notify();

-- +goose StatementEnd
