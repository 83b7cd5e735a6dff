-- Outward: contacts in the case-management system, and webhooks.

-- +goose Up
-- +goose StatementBegin

-- The contact of a confirmed match at the case-management system. What the far
-- end holds is found out by asking it, not by what we did.
create table transfer (
  match      bigint primary key references match,
  state      text not null default 'queued'
             check (state in ('queued', 'sent', 'failed', 'by_hand', 'withdrawing', 'withdrawn', 'stuck')),
  key        text not null unique,          -- the same however often it is sent
  contact    text not null default '',      -- the far end's number
  crn        text not null default '',      -- as it was sent
  digest     text not null default '',      -- of what was sent; erased with the incident
  attempts   integer not null default 0,
  problem    text not null default '',      -- without a name
  queued_at  timestamptz not null default now(),
  sent_at    timestamptz,
  settled_at timestamptz,
  finding    text not null default '' check (finding in ('', 'missing', 'different'))
);

create index transfer_waiting on transfer (queued_at) where state in ('queued', 'withdrawing');
create index transfer_wrong on transfer (state) where state in ('failed', 'stuck') or finding <> '';

-- The last 24 hours, for the digest.
create index match_found on match (found_at);

-- What the far end holds as ours, and we know nothing of.
create table transfer_extra (
  contact  text primary key,
  key      text not null,
  found_at timestamptz not null default now()
);

-- Whether two CRNs are of one case: it may have been merged since one was used.
create function same_case(a text, b text) returns boolean language sql stable as $$
  select a = b
      or exists (
           select 1
             from crn x
             join crn y on y.crn = b
            where x.crn = a
              and current_person(x.person) = current_person(y.person))
$$;

-- When the far end was asked what it holds.
create table transfer_reconciliation (
  id   bigint generated always as identity primary key,
  at   timestamptz not null,
  held integer not null
);

-- Whoever is told of notices by a signed request of ours.
create table webhook (
  id            bigint generated always as identity primary key,
  name          text not null unique,
  url           text not null,
  role          text not null default '',  -- whose notices; empty: everybody's
  scope         text not null default '',  -- and of which PDU; empty: of all
  secret        text not null,             -- to sign is to know it
  former        text not null default '',  -- signs beside it for a while
  former_until  timestamptz,
  private       boolean not null default false, -- may be on our own network
  first         bigint not null,           -- notices after this one
  added_by      text not null,
  added_at      timestamptz not null default now(),
  failing_since timestamptz,
  disabled_at   timestamptz,
  problem       text not null default ''   -- the last
);

create table webhook_delivery (
  id         bigint generated always as identity primary key,
  webhook    bigint not null references webhook on delete cascade,
  notice     bigint not null references notice,
  message_id text not null unique,         -- the same however often it is sent
  state      text not null default 'queued' check (state in ('queued', 'sent', 'delivered', 'failed')),
  attempts   integer not null default 0,
  problem    text not null default '',
  created_at timestamptz not null default now(),
  sent_at    timestamptz,
  settled_at timestamptz,
  unique (webhook, notice)
);

create index webhook_delivery_notice on webhook_delivery (notice);
create index webhook_delivery_waiting on webhook_delivery (created_at) where state in ('queued', 'sent');

-- Whoever owns an action about somebody, by cover or reassignment, works on that
-- case too: while it is open, and for a while after it is not. Ninety days, or
-- as many as "alter database ... set reportable.sight_days" says.
create or replace function works_on(viewer bigint, who bigint) returns boolean language sql stable as $$
  select exists (
           select 1
             from person p
             join account_role g on g.account = viewer
            where p.id = current_person(who)
              and (   (g.role in ('administrator', 'head') and g.scope = p.pdu)
                   or (g.role = 'manager' and g.scope = p.team)
                   or (g.role = 'practitioner' and g.scope = p.practitioner)))
      or exists (
           select 1
             from action o
            where o.person = who
              and owns(viewer, o.owner_role, o.owner, o.team)
              and (   o.state in ('open', 'acknowledged')
                   or (select max(h.at) from action_history h where h.action = o.id)
                      > now() - make_interval(days => coalesce(nullif(current_setting('reportable.sight_days', true), ''), '90')::int)))
$$;

-- +goose StatementEnd
