-- Oversight: closed work that was drawn to be looked at again, and who is to be
-- called at night.

-- +goose Up
-- +goose StatementBegin

-- A draw. With the same seed and the same record it gives the same work.
create table sample (
  id           bigint generated always as identity primary key,
  drawn_at     timestamptz not null default now(),
  drawn_by     text not null, -- account.subject
  seed         bigint not null,
  size         integer not null check (size between 1 and 100),
  population   integer not null, -- how many there were to draw from
  pdu          text not null,
  practitioner text not null default '', -- staff code; empty: all of them
  kind         text not null default '' check (kind in ('', 'arrest', 'incident')),
  closed_from  timestamptz not null,
  closed_to    timestamptz not null,
  check (closed_from < closed_to)
);

create index sample_pdu on sample (pdu, id);
create index sample_drawn on sample (drawn_by, id);

-- One piece of work in it, and what was found. Answers are codes; the notes are
-- erased with the incident.
create table sample_item (
  id           bigint generated always as identity primary key,
  sample       bigint not null references sample,
  n            integer not null, -- in the order of the draw
  action       bigint not null references action,
  decision     bigint not null references decision,
  practitioner text not null, -- staff code of who decided
  answers      jsonb not null default '{}', -- question → pass, partial, fail or none
  verdict      text not null default '' check (verdict in ('', 'pass', 'partial', 'fail')),
  notes        text not null default '',
  saved_at     timestamptz,
  judged_at    timestamptz,
  judged_by    text, -- account.subject
  unique (sample, n),
  unique (sample, action),
  check ((judged_at is null) = (judged_by is null)),
  check (judged_at is null or verdict <> '')
);

create index sample_item_action on sample_item (action);

-- Closed work by when it was closed: what a sample is drawn from.
create index action_reviewed on action (pdu, done_at) where rule = 'review_incident' and state = 'done';

-- Response times of a period.
create index milestone_reached on milestone (at);

-- Whom a duty officer, or whoever looks for one, can call.
alter table rota add telephone text not null default '';

-- +goose StatementEnd
