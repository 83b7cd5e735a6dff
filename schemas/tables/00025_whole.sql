-- The whole looked at again: three keys come back, and who works on a case is
-- said once.

-- +goose Up
-- +goose StatementBegin

-- 00014 left these out, as a third of what taking a record cost. Since records
-- are looked up one by one and not joined, the checks cost a fifth, and taking
-- them still keeps well within its mark: so the database sees to it again, and
-- not reconciliation alone. Were there a row without, new ones are checked all
-- the same, and reconciliation names it.
alter table receipt_line add constraint receipt_line_receipt_fkey foreign key (receipt) references receipt not valid;
alter table receipt_line add constraint receipt_line_incident_fkey foreign key (incident) references incident not valid;
alter table revision add constraint revision_receipt_fkey foreign key (receipt) references receipt not valid;

do $check$
begin
  if not exists (select 1 from receipt_line l where not exists (select 1 from receipt p where p.id = l.receipt)) then
    alter table receipt_line validate constraint receipt_line_receipt_fkey;
  end if;
  if not exists (select 1 from receipt_line l where l.incident is not null and not exists (select 1 from incident i where i.id = l.incident)) then
    alter table receipt_line validate constraint receipt_line_incident_fkey;
  end if;
  if not exists (select 1 from revision r where not exists (select 1 from receipt p where p.id = r.receipt)) then
    alter table revision validate constraint revision_receipt_fkey;
  end if;
end $check$;

-- Whether a case lies within what an account was granted: it goes with its
-- practitioner, team and PDU of today.
create function has_case(viewer bigint, who bigint) returns boolean language sql stable as $$
  select exists (
    select 1
      from person p
      join account_role g on g.account = viewer
     where p.id = current_person(who)
       and (   (g.role in ('administrator', 'head') and g.scope = p.pdu)
            or (g.role = 'manager' and g.scope = p.team)
            or (g.role = 'practitioner' and g.scope = p.practitioner)))
$$;

-- Whether an account owns an action about somebody, by cover or reassignment,
-- while it is open and for a while after: ninety days, or as many as
-- "alter database ... set reportable.sight_days" says. The work of victim staff
-- and duty officers is beside the case.
create function has_work(viewer bigint, who bigint, beside boolean) returns boolean language sql stable as $$
  select exists (
    select 1
      from action o
     where o.person = who
       and (beside or o.owner_role not in ('victim_staff', 'duty_officer'))
       and owns(viewer, o.owner_role, o.owner, o.team)
       and (   o.state in ('open', 'acknowledged')
            or (select max(h.at) from action_history h where h.action = o.id)
               > now() - make_interval(days => coalesce(nullif(current_setting('reportable.sight_days', true), ''), '90')::int)))
$$;

-- Whoever works on a case sees all of it; who works on something about somebody
-- sees what that is about, and nothing else of the case.
create or replace function works_on_case(viewer bigint, who bigint) returns boolean language sql stable as $$
  select has_case(viewer, who) or has_work(viewer, who, false)
$$;

create or replace function works_on(viewer bigint, who bigint) returns boolean language sql stable as $$
  select has_case(viewer, who) or has_work(viewer, who, true)
$$;

-- +goose StatementEnd
