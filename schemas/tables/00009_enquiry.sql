-- Enquiries: what probation asks of police, and the other things that police
-- tell: replies to enquiries, and outcomes of disclosures.

-- +goose Up
-- +goose StatementBegin

-- Somebody asks a force about a person on probation. An incident prompted it:
-- the work that follows belongs to that incident and that person.
create table enquiry (
  id            bigint generated always as identity primary key,
  number        uuid not null unique default gen_random_uuid(), -- by which the force knows it: it does not tell how many there are
  force         text not null check (force ~ '^[0-9]{2}$'),
  incident      bigint not null references incident,
  match         bigint not null references match,
  person        bigint not null references person,
  purpose       text not null,
  period_from   date not null,
  period_to     date not null,
  question      text not null default '',      -- in the asker's words; goes to the force
  on_file       integer not null default 0,    -- how much about it was on file when it was asked
  justification text not null default '',      -- why it was asked all the same; stays here
  asked_by      text not null,                 -- account.subject
  asked_role    text not null check (asked_role in ('administrator', 'practitioner', 'manager', 'head')),
  asked_at      timestamptz not null default now(),
  given_at      timestamptz, -- when the force first fetched it
  taken_at      timestamptz, -- when the force said that it has it
  answered_at   timestamptz, -- by an answer that is final; null again if that is withdrawn
  ended_at      timestamptz, -- the match is none any more, so nothing is asked
  erased_at     timestamptz,
  check (period_to >= period_from),
  check (on_file = 0 or justification <> '')
);

-- The same is not asked twice while the first waits for its answer.
create unique index enquiry_waiting on enquiry (force, person, purpose, period_from, period_to)
  where answered_at is null and ended_at is null;
create index enquiry_untaken on enquiry (force, id) where taken_at is null and answered_at is null and ended_at is null;
create index enquiry_concern on enquiry (incident, person);
create index enquiry_person on enquiry (person, asked_at);
create index enquiry_match on enquiry (match);

-- What police tell that is no incident. Its key is the force's, as an incident's is.
create table reply (
  id          bigint generated always as identity primary key,
  force       text not null,
  reference   text not null,
  revision    integer not null check (revision >= 1),
  kind        text not null check (kind in ('enquiry-reply', 'disclosure-outcome')),
  status      text not null check (status in ('live', 'withdrawn')),
  newest      boolean not null, -- of its reference: the older ones were superseded
  final       boolean not null, -- false while the force has more to say
  enquiry     bigint references enquiry,
  person      bigint not null references person,
  incident    bigint references incident, -- whose work it is a part of; null until there is one
  match       bigint references match,
  body        bytea,            -- canonical JSON; null once erased
  digest      bytea not null,   -- keyed, of the canonical reply
  receipt     uuid not null references receipt,
  received_at timestamptz not null default now(),
  read_at     timestamptz,
  read_by     text,             -- account.subject
  erased_at   timestamptz,
  unique (force, reference, revision),
  check ((body is null) = (erased_at is not null)),
  check ((incident is null) = (match is null)),
  check ((read_at is null) = (read_by is null))
);

create index reply_concern on reply (incident, person);
create index reply_person on reply (person, received_at);
create index reply_enquiry on reply (enquiry);
create index reply_unrouted on reply (person) where incident is null and erased_at is null;
create index reply_unread on reply (received_at) where newest and status = 'live' and read_at is null;

-- The same revision sent with another body, kept aside for the force to resolve.
create table reply_conflict (
  id          bigint generated always as identity primary key,
  reply       bigint not null references reply,
  digest      bytea not null,
  body        bytea,
  receipt     uuid not null references receipt,
  received_at timestamptz not null default now(),
  resolved_at timestamptz,
  unique (reply, digest)
);

alter table receipt_line add reply bigint references reply;

create index receipt_line_reply on receipt_line (reply) where reply is not null;

-- +goose StatementEnd
