-- What a sample is drawn from, and a day's list, each read from one index.

-- +goose Up
-- +goose StatementBegin

-- Reviews that were decided and closed and are not erased, as the record has
-- them: the newest decision counts.
create view closed_review as
select a.id as action, a.match, a.person, a.pdu, a.owner, r.kind, d.by as decided_by, a.done_at
  from action a
  join match m on m.id = a.match
  join revision r on r.incident = m.incident and r.number = m.revision
 cross join lateral (
         select by
           from decision
          where action = a.id
          order by id desc
          limit 1) d
 where a.rule = 'review_incident'
   and a.state = 'done'
   and a.done_at is not null
   and m.erased_at is null;

-- The same, kept. To draw some of three months' work, and say of how much, all
-- of it has to be looked at: here that is a few bytes of each, where it was four
-- tables. Triggers keep it, so that whoever changes an action or a match need
-- not remember it; all of them hold the lock of the incident.
create table reviewed (
  action     bigint primary key references action,
  match      bigint not null references match,
  person     bigint not null,
  pdu        text not null,
  owner      text not null,
  kind       text not null,
  decided_by text not null, -- account.subject
  done_at    timestamptz not null
);

insert into reviewed (action, match, person, pdu, owner, kind, decided_by, done_at)
select action, match, person, pdu, owner, kind, decided_by, done_at
  from closed_review
 order by done_at;

create index reviewed_closed on reviewed (pdu, done_at) include (action, match, person, kind);
drop index action_reviewed;

create function review_again(which bigint) returns void language sql as $$
  delete from reviewed
   where action = which;
  insert into reviewed (action, match, person, pdu, owner, kind, decided_by, done_at)
  select action, match, person, pdu, owner, kind, decided_by, done_at
    from closed_review
   where action = which;
$$;

create function action_reviewed() returns trigger language plpgsql as $$
begin
  perform review_again(new.id);
  return null;
end $$;

create trigger action_reviewed after insert on action
  for each row
  when (new.rule = 'review_incident' and new.state = 'done')
  execute function action_reviewed();

create trigger action_reviewed_again after update of match, person, rule, owner, pdu, state, done_at on action
  for each row
  when (   'done' in (old.state, new.state)
       and 'review_incident' in (old.rule, new.rule)
       and (old.match, old.person, old.rule, old.owner, old.pdu, old.state, old.done_at)
           is distinct from (new.match, new.person, new.rule, new.owner, new.pdu, new.state, new.done_at))
  execute function action_reviewed();

create function decision_reviewed() returns trigger language plpgsql as $$
begin
  perform review_again(a.id)
     from action a
    where a.id = new.action
      and a.rule = 'review_incident'
      and a.state = 'done'; -- most are decided first and closed then
  return null;
end $$;

create trigger decision_reviewed after insert or update of action, by on decision
  for each row execute function decision_reviewed();

create function match_reviewed() returns trigger language plpgsql as $$
begin
  perform review_again(a.id)
     from action a
    where a.match = new.id
      and a.rule = 'review_incident'
      and a.state = 'done';
  return null;
end $$;

create trigger match_reviewed after update of revision, erased_at on match
  for each row
  when ((old.revision, old.erased_at is null) is distinct from (new.revision, new.erased_at is null))
  execute function match_reviewed();

-- A day's list sorts all that was found in it, of the people of a PDU: from the
-- indexes, not from where each lies.
drop index match_found;
create index match_found on match (found_at) include (id, incident, involvement, revision, person, state, priority, contested);
drop index person_of_pdu;
create index person_of_pdu on person (pdu) include (id, merged_into);
drop index person_of_team;
create index person_of_team on person (team) include (id, merged_into);

-- +goose StatementEnd
