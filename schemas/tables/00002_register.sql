-- The register: who is under supervision, by whom, as the latest extract of
-- the case record says.

-- +goose Up
-- +goose StatementBegin

create table pdu (
  code   text primary key,
  name   text not null,
  region text not null,
  force  text not null default ''
);

create table team (
  code    text primary key,
  name    text not null,
  pdu     text not null references pdu,
  manager text not null default '' -- staff code of its SPO
);

create table staff (
  code       text primary key,
  name       text not null,
  role       text not null check (role in ('practitioner', 'manager', 'head')),
  grade      text not null default '',
  team       text not null default '',
  pdu        text not null,
  email      text not null default '',
  gone_at    timestamptz, -- no longer in the extract: must not own work silently
  changed_at timestamptz not null default now()
);

create table register (
  one          boolean primary key default true check (one),
  version      bigint not null default 0,
  extract_date date,        -- of the last complete extract
  imported_at  timestamptz
);

insert into register default values;

create table person (
  id                 bigint generated always as identity primary key,
  crn                text not null, -- the one in the latest extract
  noms               text not null default '',
  pncs               text[] not null default '{}',
  cros               text[] not null default '{}',
  surname            text not null default '',
  forenames          text not null default '',
  aliases            text[] not null default '{}',
  date_of_birth      text not null default '', -- 2006-01-02; a shorter form where month or day is unknown
  sex                text not null default '',
  address            text not null default '',
  postcode           text not null default '',
  previous_postcodes text[] not null default '{}',
  identity_digest    text not null,
  order_type         text not null default '',
  sentence_date      date,
  supervision_start  date,
  supervision_end    date,
  rosh               text not null default '',
  mappa_category     integer not null default 0,
  mappa_level        integer not null default 0,
  registers          text[] not null default '{}',
  restricted         boolean not null default false,
  victim_contact     text not null default '',
  circumstances      jsonb not null default '{}', -- what else the extract says: custody, warrant, conditions, orders …
  pdu                text not null, -- a team's is checked; checking both costs an import of 240,000 seconds
  team               text not null references team,
  practitioner       text not null default '', -- empty: the case belongs to its team's SPO
  supervised         boolean not null default true, -- present in the latest extract
  ended_at           timestamptz,
  changed_version    bigint not null, -- the register version at which identity or supervision last changed
  merged_into        bigint references person,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now()
);

create index person_changed on person (changed_version);
create index person_practitioner on person (practitioner) where supervised;
create index person_team on person (team) where supervised;
create index person_restricted on person (id) where restricted;
create index person_merged on person (merged_into) where merged_into is not null;

create table crn (
  crn    text primary key,
  person bigint not null references person
);

create index crn_person on crn (person);

create table caseload_import (
  id           bigint generated always as identity primary key,
  kind         text not null check (kind in ('full', 'delta')),
  extract_date date not null,
  version      bigint not null,
  rows         integer not null,
  rejected     integer not null,
  changes      jsonb not null, -- change → how many
  at           timestamptz not null default now()
);

-- How people changed with each version of the register: started, ended,
-- identity, moved, reallocated, flags, restrictions, merged, unmerged.
create table person_change (
  version bigint not null,
  person  bigint not null, -- not checked: 240,000 checks are most of an import, and nobody is ever deleted
  change  text not null,
  primary key (version, person, change)
);

-- What a force may know of who is under supervision. Without a row, nothing.
create table watch_list (
  force            text primary key,
  regions          text[] not null default '{}', -- everyone under supervision there
  pdus             text[] not null default '{}',
  fields           text[] not null default '{}', -- nothing that is not named here goes out
  unfiltered       text not null default '', -- reference of the impact assessment that lets the force send everything
  salt             text not null default replace(gen_random_uuid()::text, '-', ''), -- of the tokens of people whose names do not go out
  version          bigint not null default 0, -- grows with each change of the list
  register_version bigint not null default 0, -- the register that the list was last made to agree with
  confirmed        bigint not null default 0, -- the version that the force says it has taken
  confirmed_at     timestamptz,
  changed_at       timestamptz not null default now()
);

-- The Welsh arrangement: every Welsh force is told of everyone under
-- supervision in Wales, whichever of them may meet whom.
insert into watch_list (force, regions, fields)
select force,
       '{N03}',
       '{surname,forenames,aliases,dateOfBirth,sex,pncs,cros,postcode,previousPostcodes}'
  from unnest(array['60', '61', '62', '63']) as force;

-- Somebody outside a force's areas whom it is told of all the same.
create table watch_subscription (
  id         bigint generated always as identity primary key,
  force      text not null references watch_list,
  person     bigint not null references person,
  reason     text not null check (reason <> ''),
  owner      text not null check (owner <> ''), -- staff code
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  ended_at   timestamptz
);

create index watch_subscription_person on watch_subscription (person) where ended_at is null;

-- Who is on a force's list, and since which version of it. Who comes off stays
-- as an ending until the force confirms it: it must not keep them.
create table watch_entry (
  force      text not null references watch_list,
  person     bigint not null references person,
  id         uuid not null default gen_random_uuid(), -- by which the force knows the entry
  version    bigint not null,
  listed     boolean not null,
  digest     text not null, -- of what the force was told
  changed_at timestamptz not null default now(),
  primary key (force, person)
);

create index watch_entry_version on watch_entry (force, version);

-- Limited access: an exclusion hides a person from one user, a restriction
-- shows a person to the users listed only. Active while until is null or to come.
create table exclusion (
  person  bigint not null references person,
  subject text not null, -- account.subject
  until   timestamptz,
  primary key (person, subject)
);

create table restriction (
  person  bigint not null references person,
  subject text not null,
  until   timestamptz,
  primary key (person, subject)
);

-- The person that a number stands for today: merges are followed, never rewritten.
create function current_person(who bigint) returns bigint language sql stable as $$
  with recursive chain(id, next, depth) as (
    select id, merged_into, 0
      from person
     where id = who
     union all
    select p.id, p.merged_into, depth + 1
      from chain
      join person p on p.id = chain.next
     where depth < 16
  )
  select id
    from chain
   where next is null
$$;

-- +goose StatementEnd
