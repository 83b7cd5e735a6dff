-- What matchers settle by beside the register: the model that ships with their
-- program, and their settings. One that starts with others gives the register
-- its next version, so that what is held is settled again by all of them alike.

-- +goose Up
-- +goose StatementBegin

create table terms (
  id                bigint generated always as identity primary key,
  model             text not null references model, -- it weighs while none was activated
  after_supervision integer not null,               -- working days
  threshold         double precision not null,      -- the least probability of a match
  register_version  bigint not null,                -- from which they hold
  at                timestamptz not null default now()
);

create trigger terms_append_only before update or delete or truncate on terms
  for each statement execute function model_append_only();

-- Which processes match, and whether they were started with the terms that hold.
create table matcher (
  process text primary key, -- made up when it starts
  own     text not null,    -- its terms, in a word
  seen_at timestamptz not null default now()
);

-- +goose StatementEnd
