-- What an attacker's eyes found: who sees the case and who the incident alone,
-- and which matches are told of outside without their reference.

-- +goose Up
-- +goose StatementBegin

-- Whether an account works on a case, and not on an incident alone: victim staff
-- and duty officers own an action about somebody (works_on) and see what it is
-- about, but nothing else of the case.
create function works_on_case(viewer bigint, who bigint) returns boolean language sql stable as $$
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
              and o.owner_role not in ('victim_staff', 'duty_officer')
              and owns(viewer, o.owner_role, o.owner, o.team)
              and (   o.state in ('open', 'acknowledged')
                   or (select max(h.at) from action_history h where h.action = o.id)
                      > now() - make_interval(days => coalesce(nullif(current_setting('reportable.sight_days', true), ''), '90')::int)))
$$;

-- Whether some user may not know of a match, whoever they are: what leaves for a
-- mailbox or a machine, whose readers nobody knows, does not say which it is.
create function guarded(which bigint) returns boolean language sql stable as $$
  select exists (
    select 1
      from match m
      join match c on c.incident = m.incident and c.involvement = m.involvement
      join person p on p.id = current_person(c.person)
     where m.id = which
       and (c.state <> 'superseded' or c.id = m.id)
       and (   p.restricted
            or exists (select 1 from exclusion x where x.person = p.id and (x.until is null or x.until > now()))
            or exists (select 1 from restriction r where r.person = p.id and (r.until is null or r.until > now()))))
$$;

-- That a CRN has its person is checked again: it is no hot path, and nothing else
-- would notice. What is there already is checked now; were there one without,
-- new ones are checked all the same, and reconciliation names it.
alter table crn add constraint crn_person_fkey foreign key (person) references person not valid;

do $check$
begin
  if not exists (select 1 from crn c where not exists (select 1 from person p where p.id = c.person)) then
    alter table crn validate constraint crn_person_fkey;
  end if;
end $check$;

-- Which revision the contact on the case record says: a later one is sent too.
-- Of what was sent before this was kept, that of the day it was sent.
alter table transfer add revision integer not null default 0;

update transfer t
   set revision = case when r.received_at > t.sent_at then 0 else m.revision end
  from match m
  join revision r on r.incident = m.incident and r.number = m.revision
 where m.id = t.match
   and t.sent_at is not null;

-- +goose StatementEnd
