-- What reports count, summed up as it happens: a report over years of closed
-- work reads sums, not the work.

-- +goose Up
-- +goose StatementBegin

-- Incidents of which something that a report counts has changed, and people
-- whose case now lies elsewhere or is seen by others. A row is written in the
-- transaction of the change, and every change writes its own: so whoever takes
-- it away sees what it tells of. A person stands for their matches as they are
-- then: one that is found meanwhile is not forgotten.
create table uncounted (
  id       bigint generated always as identity primary key,
  incident bigint,
  person   bigint,
  sight    boolean not null default false, -- of a person: who may see them has changed
  at       timestamptz not null default now(),
  check ((incident is null) <> (person is null))
);

create index uncounted_person on uncounted (sight, id) where person is not null;

-- What the sums hold of each match: counted anew, this is taken out of them first.
create table counted (
  match  bigint primary key, -- not checked: matches are never deleted
  day    date not null,      -- on which it was found
  -- Who must be visible for it to be counted: 0, nobody in particular; the
  -- person, if anybody might not see them; minus the match, where another
  -- candidate for the same involvement is such a person.
  guard  bigint not null,
  counts text[] not null     -- what|pdu, as in tally
);

-- Sums over spans of 1, 8 and 64 days, of which any period is made up by few.
create table tally (
  span  smallint not null,
  start date not null,
  guard bigint not null,
  pdu   text not null,
  what  text not null,
  n     bigint not null,
  primary key (span, start, guard, pdu, what)
) with (fillfactor = 80);

-- How long stages took, in steps: times that are close to each other are counted
-- together, beside their sum in microseconds.
create table tally_time (
  span     smallint not null,
  start    date not null, -- of when the stage was reached
  guard    bigint not null,
  pdu      text not null,
  stage    text not null,
  priority text not null,
  elapsed  boolean not null, -- on the wall clock, else in working time
  upto     double precision not null,
  n        bigint not null,
  micros   bigint not null,
  primary key (span, start, guard, pdu, stage, priority, elapsed, upto)
) with (fillfactor = 80);

-- The end of the step of a time, in seconds. Steps end where targets lie, on
-- whole minutes, quarters of an hour and hours: so that those which kept a
-- target are counted by steps. A step is a fifth of its times wide at most and
-- mostly a twentieth, and is read as the mean of what is in it.
create function time_step(seconds double precision) returns double precision language sql immutable as $$
  select ceil(seconds / w) * w
    from (select case
                   when seconds <= 1 then 0.02
                   when seconds <= 10 then 0.2
                   when seconds <= 60 then 1
                   when seconds <= 600 then 10
                   when seconds <= 3600 then 60
                   when seconds <= 14400 then 300
                   when seconds <= 43200 then 900
                   when seconds <= 172800 then 3600
                   when seconds <= 1209600 then 14400
                   else 86400
                 end::double precision as w) s
$$;

-- What the sums hold of a milestone, whose times never change; null: nothing.
-- Its team is the person's of today, for the times of one team are few enough
-- to be read one by one.
alter table milestone
  add column counted_on    date,
  add column counted_guard bigint,
  add column team          text not null default '';

alter table milestone set (fillfactor = 80);

create index milestone_team on milestone (team, at) include (stage, priority, pdu, match, elapsed_seconds, working_seconds);

create function count_incident() returns trigger language plpgsql as $$
begin
  insert into uncounted (incident) values (new.incident);
  return null;
end $$;

create function count_incidents() returns trigger language plpgsql as $$
begin
  insert into uncounted (incident)
  select distinct incident
    from fresh;
  return null;
end $$;

create function count_action() returns trigger language plpgsql as $$
begin
  insert into uncounted (incident)
  select incident
    from action
   where id = new.action;
  return null;
end $$;

create function count_milestones() returns trigger language plpgsql as $$
begin
  insert into uncounted (incident)
  select distinct m.incident
    from fresh f
    join match m on m.id = f.match;
  return null;
end $$;

create function count_milestone() returns trigger language plpgsql as $$
begin
  insert into uncounted (incident)
  select incident
    from match
   where id = new.match;
  return null;
end $$;

create function count_case() returns trigger language plpgsql as $$
begin
  insert into uncounted (person, sight)
  values (new.id, (old.restricted, old.merged_into) is distinct from (new.restricted, new.merged_into));
  return null;
end $$;

create function count_sight() returns trigger language plpgsql as $$
begin
  insert into uncounted (person, sight)
  select person, true
    from (select case when tg_op <> 'INSERT' then old.person end
          union
          select case when tg_op <> 'DELETE' then new.person end) w (person)
   where person is not null;
  return null;
end $$;

create trigger match_counts after insert on match
  referencing new table as fresh
  for each statement execute function count_incidents();

create trigger match_counts_again after update of state, person, found_at, contested on match
  for each row
  when ((old.state, old.person, old.found_at, old.contested) is distinct from (new.state, new.person, new.found_at, new.contested))
  execute function count_incident();

create trigger action_counts after insert on action
  referencing new table as fresh
  for each statement execute function count_incidents();

create trigger action_counts_again after update of state, acked_at, closed_reason, level, pdu, match, rule on action
  for each row
  when ((old.state, old.acked_at is null, old.closed_reason, old.level > 0, old.pdu, old.match, old.rule)
        is distinct from (new.state, new.acked_at is null, new.closed_reason, new.level > 0, new.pdu, new.match, new.rule))
  execute function count_incident();

create trigger decision_counts after insert or update on decision
  for each row execute function count_action();

create trigger checklist_counts after insert or update of answer, rule on checklist
  for each row execute function count_action();

create trigger sample_item_counts after update of judged_at, verdict, answers on sample_item
  for each row
  when (old.judged_at is not null or new.judged_at is not null)
  execute function count_action();

create trigger sample_item_counts_first after insert on sample_item
  for each row
  when (new.judged_at is not null)
  execute function count_action();

create trigger milestone_counts after insert on milestone
  referencing new table as fresh
  for each statement execute function count_milestones();

create trigger milestone_counts_again after update of at, stage, priority, pdu on milestone
  for each row execute function count_milestone();

create trigger person_counts after update of pdu, team, restricted, merged_into on person
  for each row
  when ((old.pdu, old.team, old.restricted, old.merged_into) is distinct from (new.pdu, new.team, new.restricted, new.merged_into))
  execute function count_case();

create trigger exclusion_counts after insert or update of person or delete on exclusion
  for each row execute function count_sight();

create trigger restriction_counts after insert or update of person or delete on restriction
  for each row execute function count_sight();

-- What there is already.
insert into uncounted (incident)
select distinct incident
  from match;

-- What is open and overdue now, and the oldest of it.
create index action_open_person on action (person) include (pdu, next_due, raised_at, match) where state in ('open', 'acknowledged');
create index action_open_oldest on action (pdu, raised_at, id) include (person, match) where state in ('open', 'acknowledged');

-- Whose it is, beside when it came: how late each force's records were, in a
-- week of them, is read from one index. Empty for what came before.
alter table revision add column force text not null default '';
drop index revision_received;
drop index incident_force;
create index revision_received on revision (received_at) include (force, incident, reported_at);

-- +goose StatementEnd
