-- Models: the weights by which people are compared, which of them is in use,
-- and since when, by whom and why. Without a row in model_activation it is the
-- one that ships with the program.

-- +goose Up
-- +goose StatementBegin

create table model (
  hash    text primary key,          -- of the weights
  weights text not null,             -- as the model is written; text, since jsonb would set it anew
  origin  text not null,             -- shipped, record or file
  by      text not null,
  figures jsonb not null default '{}', -- what was measured when it was learnt, beside the one it began from
  at      timestamptz not null default now()
);

create table model_activation (
  id               bigint generated always as identity primary key,
  model            text not null references model,
  replaced         text not null references model,
  by               text not null check (by <> ''),
  reason           text not null check (reason <> ''),
  forced           boolean not null, -- although the figures were worse, or too few
  figures          jsonb not null,   -- of both, on the same labelled data
  register_version bigint not null,  -- which it gave the register: whoever scored with an older one scores again
  at               timestamptz not null default now()
);

create function model_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'models and their activations stay on the record';
end $$;

create trigger model_append_only before update or delete or truncate on model
  for each statement execute function model_append_only();

create trigger model_activation_append_only before update or delete or truncate on model_activation
  for each statement execute function model_append_only();

-- +goose StatementEnd
