-- The desk at the size of a country: what waits for administrators lies together
-- with all that the queue is narrowed and sorted by, and what somebody chose is
-- theirs until they choose again.

-- +goose Up
-- +goose StatementBegin

-- Whether anybody else may be the same person in the incident: a match without
-- a rival is hidden from whoever may not see its own person, and from no others.
-- It is never taken back: a rival that is gone costs a look-up, and nothing else.
alter table match add contested boolean not null default false;

update match m
   set contested = true
 where exists (
         select 1
           from match c
          where c.incident = m.incident
            and c.involvement = m.involvement
            and c.id <> m.id);

create function match_contested() returns trigger language plpgsql as $$
begin
  update match m
     set contested = true
    from fresh f
   where m.incident = f.incident
     and m.involvement = f.involvement
     and not m.contested
     and exists (
           select 1
             from match c
            where c.incident = m.incident
              and c.involvement = m.involvement
              and c.id <> m.id);
  return null;
end $$;

create trigger match_contested after insert on match
  referencing new table as fresh
  for each statement execute function match_contested();

create index match_contested on match (person) where contested;

-- What waits for an administrator: the open actions of theirs, with copies of
-- what the queue asks for. Its rows are few beside those of action, and its
-- statistics are its own: a filter that few rows pass reads one index, where it
-- read all that wait and four tables for each. Triggers keep it, so that whoever
-- changes an action or a match need not remember it.
create table waiting (
  action      bigint primary key references action,
  match       bigint not null references match,
  person      bigint not null,
  owner       text not null,
  rule        text not null,
  next_due    timestamptz not null,
  raised_at   timestamptz not null,
  priority    text not null,
  rank        smallint not null generated always as (case priority when 'urgent' then 0 when 'high' then 1 else 2 end) stored,
  force       text not null,
  kind        text not null,
  band        text not null,
  probability double precision not null,
  state       text not null,    -- of the match
  contested   boolean not null, -- as of the match
  assignee    bigint references account, -- who is to judge it; null: whoever comes first
  assigned_at timestamptz
);

-- One for each order in which the queue is shown, with all that it is asked for:
-- where a filter lets few rows pass, only the index is read to its end.
create index waiting_due on waiting (owner, rule, next_due, action)
  include (match, person, raised_at, rank, priority, force, kind, band, probability, state, contested, assignee);
create index waiting_found on waiting (owner, rule, raised_at, action)
  include (match, person, next_due, rank, priority, force, kind, band, probability, state, contested, assignee);
create index waiting_certainty on waiting (owner, rule, probability, action)
  include (match, person, next_due, raised_at, rank, priority, force, kind, band, state, contested, assignee);
create index waiting_priority on waiting (owner, rule, rank, next_due, action)
  include (match, person, raised_at, priority, force, kind, band, probability, state, contested, assignee);
create index waiting_assignee on waiting (assignee, next_due, action) where assignee is not null;
create index waiting_match on waiting (match);

create function action_waits() returns trigger language plpgsql as $$
begin
  if new.owner_role <> 'administrator' or new.state not in ('open', 'acknowledged') then
    if tg_op = 'UPDATE' then
      delete from waiting
       where action = new.id;
    end if;
    return null;
  end if;
  insert into waiting (action, match, person, owner, rule, next_due, raised_at, priority, force, kind, band, probability, state, contested)
  select new.id, m.id, m.person, new.owner, new.rule, new.next_due, new.raised_at, new.priority, i.force, r.kind, m.band, m.probability, m.state, m.contested
    from match m
    join incident i on i.id = m.incident
    join revision r on r.incident = m.incident and r.number = m.revision
   where m.id = new.match
      on conflict (action) do update
     set match = excluded.match,
         person = excluded.person,
         owner = excluded.owner,
         next_due = excluded.next_due,
         priority = excluded.priority,
         kind = excluded.kind,
         band = excluded.band,
         probability = excluded.probability,
         state = excluded.state,
         contested = excluded.contested;
  return null;
end $$;

create trigger action_waits
  after insert or update of state, owner_role, owner, match, priority, acked_at, ack_due, due on action
  for each row execute function action_waits();

create function match_waits() returns trigger language plpgsql as $$
begin
  update waiting w
     set kind = r.kind,
         band = new.band,
         probability = new.probability,
         state = new.state,
         contested = new.contested
    from revision r
   where r.incident = new.incident
     and r.number = new.revision
     and w.match = new.id;
  return null;
end $$;

create trigger match_waits
  after update on match
  for each row
  when ((old.state, old.band, old.probability, old.revision, old.contested)
        is distinct from (new.state, new.band, new.probability, new.revision, new.contested))
  execute function match_waits();

insert into waiting (action, match, person, owner, rule, next_due, raised_at, priority, force, kind, band, probability, state, contested)
select a.id, m.id, m.person, a.owner, a.rule, a.next_due, a.raised_at, a.priority, i.force, r.kind, m.band, m.probability, m.state, m.contested
  from action a
  join match m on m.id = a.match
  join incident i on i.id = m.incident
  join revision r on r.incident = m.incident and r.number = m.revision
 where a.owner_role = 'administrator'
   and a.state in ('open', 'acknowledged');

-- What is somebody's own and has no page elsewhere, first by what is due.
create index action_worklist on action (owner_role, owner, next_due, id)
  include (acked_at, match, person)
  where state in ('open', 'acknowledged') and rule not in ('acknowledge_match', 'transfer_match', 'countersign_decision');
create index action_team on action (pdu, next_due, id)
  where state in ('open', 'acknowledged') and owner_role in ('practitioner', 'manager') and rule not in ('acknowledge_match', 'transfer_match', 'countersign_decision');
create index action_countersign on action (pdu) where rule = 'countersign_decision' and state in ('open', 'acknowledged');
create index action_escalated on action (pdu, level desc, next_due, id) where state in ('open', 'acknowledged') and level > 0;
create index action_done on action (owner_role, owner, done_at, id)
  where state = 'done' and rule not in ('acknowledge_match', 'transfer_match', 'countersign_decision');

-- A grave dismissal that one person has made and a second has not looked at.
alter table match add second_look boolean not null default false;

update match m
   set second_look = true
 where m.state = 'dismissed'
   and m.state_reason <> 'another_candidate'
   and (   m.band = 'certain'
        or m.priority = 'urgent'
        or exists (select 1 from person p where p.id = m.person and p.rosh in ('high', 'very_high')))
   and (select count(distinct j.by) from judgement j where j.match = m.id and j.verdict = 'dismiss') < 2;

create index match_second_look on match (judged_at, id) where second_look and state = 'dismissed';

-- The trail is searched by day as well.
create index audit_at on audit (at);

-- To whom somebody was referred with a decision: codes, empty for nobody.
alter table decision add referrals text[] not null default '{}';

-- How somebody wants a page: the filter of the queue.
create table preference (
  account  bigint not null references account,
  name     text not null,
  value    text not null, -- a query: choices and codes, never a name
  saved_at timestamptz not null default now(),
  primary key (account, name)
);

-- +goose StatementEnd
