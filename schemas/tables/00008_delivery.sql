-- Delivery: what was told outside the desk, when, to whom, and how it went.
-- Nothing told outside the desk carries a name.

-- +goose Up
-- +goose StatementBegin

-- Where a part without a person of its own reads its mail.
create table mailbox (
  role    text not null,
  scope   text not null, -- as of an action's owner: a PDU, or a region for duty officers
  address text not null,
  primary key (role, scope)
);

create table delivery (
  id         bigint generated always as identity primary key,
  channel    text not null,               -- mail or notify
  kind       text not null default 'notices' check (kind in ('notices', 'digest')),
  owner_role text not null,
  owner      text not null,
  state      text not null default 'queued' check (state in ('queued', 'sent', 'delivered', 'failed')),
  message_id text not null unique,        -- the same however often it is sent
  remote_id  text not null default '',    -- the channel's own
  attempts   integer not null default 0,
  problem    text not null default '',    -- without an address
  created_at timestamptz not null default now(),
  sent_at    timestamptz,
  settled_at timestamptz                  -- delivered or failed for good
);

create index delivery_waiting on delivery (owner_role, owner, channel) where state = 'queued';

alter table notice add delivery bigint references delivery; -- null: not told outside the desk yet

create index notice_untold on notice (owner_role, owner) where delivery is null;

-- +goose StatementEnd
