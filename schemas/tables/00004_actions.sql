-- Actions: who has to do what about a match, by when, and what was decided.

-- +goose Up
-- +goose StatementBegin

create table action (
  id            bigint generated always as identity primary key,
  incident      bigint not null references incident,
  person        bigint not null references person,
  match         bigint not null references match,
  rule          text not null,
  why           jsonb not null default '{}', -- the values that made the rule true; no names
  owner_role    text not null,
  owner         text not null, -- a staff code, or a PDU's for administrators and heads
  pdu           text not null,
  team          text not null default '',
  practitioner  text not null default '', -- who had the case when the owner was last settled: another one since moves the work
  facts         jsonb not null default '{}', -- what it was raised on, without names: a change of these asks the question again
  priority      text not null check (priority in ('urgent', 'high', 'standard')),
  state         text not null default 'open' check (state in ('open', 'acknowledged', 'done', 'closed')),
  unverified    boolean not null default true, -- the match is not confirmed: do not act against the person
  raised_at     timestamptz not null default now(),
  ack_due       timestamptz not null,
  due           timestamptz not null,
  next_due      timestamptz not null generated always as (case when acked_at is null then least(ack_due, due) else due end) stored,
  acked_at      timestamptz,
  acked_by      text,
  done_at       timestamptz,
  done_by       text,
  level         integer not null default 0, -- how often it has escalated
  closed_reason text not null default '',
  unique (incident, person, rule)
);

create index action_owner on action (owner_role, owner, next_due, id) where state in ('open', 'acknowledged');
create index action_pdu on action (pdu, next_due, id) where state in ('open', 'acknowledged');
create index action_match on action (match);
create index action_person on action (person);

create table action_history (
  action bigint not null references action,
  n      integer not null,
  at     timestamptz not null default now(),
  what   text not null,             -- raised, acknowledged, escalated, reassigned, decided, countersigned, reopened, closed
  by     text not null default '',  -- account.subject; empty for the system
  note   jsonb not null default '{}', -- ids, codes and times
  primary key (action, n)
);

-- When an action is left alone, these happen: scanned by due time, each once.
create table step (
  action       bigint not null references action,
  n            integer not null,
  kind         text not null check (kind in ('unacknowledged', 'undecided', 'uncountersigned')),
  target_role  text not null,
  due_at       timestamptz not null,
  fired_at     timestamptz,
  cancelled_at timestamptz,
  primary key (action, n)
);

create index step_due on step (due_at) where fired_at is null and cancelled_at is null;

create table decision (
  id                 bigint generated always as identity primary key,
  action             bigint not null references action,
  outcome            text not null,
  rationale          text not null check (rationale <> ''),
  risk_changed       boolean not null,
  risk_reason        text not null default '',
  manager_consulted  text not null default '', -- staff code
  consulted_at       timestamptz,
  countersign_needed boolean not null default false,
  by                 text not null, -- account.subject
  at                 timestamptz not null default now(),
  countersigned_by   text,
  countersigned_at   timestamptz,
  countersign_note   text not null default '',
  flagged_at         timestamptz, -- the match was retracted or the facts changed since
  flagged_why        text not null default '',
  -- nobody countersigns their own decision
  check (countersigned_by is null or countersigned_by <> by),
  check ((countersigned_by is null) = (countersigned_at is null)),
  check ((manager_consulted = '') = (consulted_at is null))
);

create index decision_action on decision (action);
create index decision_uncountersigned on decision (at, id) where countersign_needed and countersigned_at is null;

-- The first time a match reached a stage, with how long it took.
create table milestone (
  match           bigint not null references match,
  stage           text not null,
  priority        text not null,
  pdu             text not null,
  at              timestamptz not null,
  elapsed_seconds double precision not null,
  working_seconds double precision not null,
  primary key (match, stage)
);

-- What somebody is to be told in the desk. It carries ids; names are looked up when it is opened.
create table notice (
  id         bigint generated always as identity primary key,
  action     bigint not null references action,
  owner_role text not null,
  owner      text not null,
  n          integer not null, -- the entry of action_history that it tells of
  kind       text not null,    -- as there: raised, escalated, reassigned, reopened, retracted, …
  level      integer not null default 0,
  at         timestamptz not null default now(),
  read_at    timestamptz,
  read_by    text,
  unique (action, n, owner_role, owner)
);

create index notice_unread on notice (owner_role, owner) where read_at is null;

-- +goose StatementEnd
