-- Matches: this person in this incident is probably that person on probation.

-- +goose Up
-- +goose StatementBegin

create table match (
  id               bigint generated always as identity primary key,
  incident         bigint not null references incident,
  involvement      integer not null, -- lasting number of the person in the incident, over all its revisions
  position         integer not null, -- where that person stands in this revision, from 1
  person           bigint not null references person,
  crn              text not null,    -- as it was when the match was found
  revision         integer not null,
  role             text not null,
  state            text not null default 'open'
                   check (state in ('open', 'unsure', 'confirmed', 'dismissed', 'retracted', 'superseded', 'withdrawn')),
  bits             double precision not null,
  probability      double precision not null,
  band             text not null check (band in ('certain', 'probable', 'possible')),
  priority         text not null default 'standard' check (priority in ('urgent', 'high', 'standard')), -- casework.PriorityOf
  evidence         jsonb not null, -- holds values; erased with the incident's body
  model            text not null,
  register_version bigint not null,
  identity_digest  text not null,  -- of the involvement: a judgement carries over while it stands
  found_at         timestamptz not null default now(),
  updated_at       timestamptz not null default now(),
  judged_at        timestamptz,
  state_reason     text not null default '',
  transferred_at   timestamptz,
  contact          text,           -- the contact's number in the case record
  erased_at        timestamptz,
  agreed_at        timestamptz,    -- when its actions were last made to agree with it; null since it changed
  unique (incident, involvement, person)
);

create index match_person on match (person, found_at);
create index match_judged on match (judged_at desc, id desc) where judged_at is not null;
create index match_disagreed on match (updated_at) where agreed_at is null;
create index match_open on match (found_at) where state in ('open', 'unsure');

-- Whoever changes a match need not remember that its actions have to follow: an
-- event may be lost, this is not.
create function match_changed() returns trigger language plpgsql as $$
begin
  new.agreed_at := null;
  new.updated_at := now();
  return new;
end $$;

create trigger match_changed
  before update of state, band, revision, position, role, transferred_at, contact on match
  for each row execute function match_changed();

create table judgement (
  id              bigint generated always as identity primary key,
  match           bigint not null references match,
  verdict         text not null check (verdict in ('confirm', 'dismiss', 'unsure', 'retract')),
  identity_digest text not null,
  by              text not null, -- account.subject
  reason          text not null default '',
  shown           jsonb not null default '{}', -- ids and hashes of what was on the screen
  at              timestamptz not null default now(),
  check (verdict = 'confirm' or reason <> '')
);

create index judgement_match on judgement (match);

-- +goose StatementEnd
