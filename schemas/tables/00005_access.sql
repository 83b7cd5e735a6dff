-- Access: who may do and see what.

-- +goose Up
-- +goose StatementBegin

create table account (
  id           bigint generated always as identity primary key,
  subject      text not null unique, -- the identity provider's, or persona:… in the demo
  name         text not null,
  staff        text not null default '', -- staff code where there is one
  demo         boolean not null default false,
  created_at   timestamptz not null default now(),
  last_seen_at timestamptz,
  disabled_at  timestamptz
);

create table account_role (
  account    bigint not null references account,
  role       text not null check (role in
             ('administrator', 'practitioner', 'manager', 'head', 'victim_staff', 'duty_officer', 'auditor', 'operations')),
  scope      text not null default '', -- PDU code for administrator, head and victim_staff; team code for manager; staff code for practitioner
  restricted boolean not null default false, -- granted sight of restricted cases that have no list of their own
  primary key (account, role, scope)
);

create table session (
  token  text primary key,
  data   bytea not null,
  expiry timestamptz not null
);

create index session_expiry on session (expiry);

-- Whether an action is an account's own. A manager owns by staff code, and sees
-- what any manager of the team owns.
create function owns(viewer bigint, owner_role text, owner text, team text) returns boolean language sql stable as $$
  select exists (
    select 1
      from account a
      join account_role g on g.account = a.id
     where a.id = viewer
       and a.disabled_at is null
       and g.role = owner_role
       and (   g.scope = owner
            or (owner_role = 'manager' and (a.staff = owner or g.scope = team))))
$$;

-- What somebody typed into a decision's form and has not sent yet: theirs alone.
create table draft (
  action   bigint not null references action,
  account  bigint not null references account,
  body     jsonb not null,
  saved_at timestamptz not null default now(),
  primary key (action, account)
);

-- Who has a match open to judge it, so that two people do not do one's work.
create table hold (
  match   bigint primary key references match,
  account bigint not null references account,
  since   timestamptz not null default now(),
  until   timestamptz not null
);

-- Where each role's work lies. The scope of a grant is a PDU for
-- administrators, heads and victim staff, a team for managers, and a staff code
-- for practitioners; a case goes with its practitioner, team and PDU of today.
-- Whoever owns an action about somebody, by cover or reassignment, works on
-- that case too.
create function works_on(viewer bigint, who bigint) returns boolean language sql stable as $$
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
              and owns(viewer, o.owner_role, o.owner, o.team))
$$;

-- Whether an account is the manager or the head of who has the case.
create function oversees(viewer bigint, who bigint) returns boolean language sql stable as $$
  select exists (
    select 1
      from person p
      join account_role g on g.account = viewer
     where p.id = current_person(who)
       and (   (g.role = 'manager' and g.scope = p.team)
            or (g.role = 'head' and g.scope = p.pdu)))
$$;

-- Whether an account may know that a person exists at all. Restricted without
-- a list of users: the person's practitioner, manager, head of PDU, and
-- administrators granted it.
create function visible(viewer bigint, who bigint) returns boolean language sql stable as $$
  select exists (
    select 1
      from person p
      join account a on a.id = viewer
     where p.id = current_person(who)
       and a.disabled_at is null
       and not exists (
             select 1
               from exclusion x
              where x.person = p.id
                and x.subject = a.subject
                and (x.until is null or x.until > now()))
       and case
             when exists (select 1 from restriction r where r.person = p.id and (r.until is null or r.until > now())) then
               exists (
                 select 1
                   from restriction r
                  where r.person = p.id
                    and r.subject = a.subject
                    and (r.until is null or r.until > now()))
             when p.restricted then
               exists (
                 select 1
                   from account_role g
                  where g.account = a.id
                    and (   (g.role = 'practitioner' and g.scope = p.practitioner)
                         or (g.role = 'manager' and g.scope = p.team)
                         or (g.role = 'head' and g.scope = p.pdu)
                         or (g.role = 'administrator' and g.scope = p.pdu and g.restricted)))
             else true
           end)
$$;

-- If any candidate for a person in an incident is hidden from a user, all are:
-- else they would confirm the wrong one that they can see. A match that was
-- superseded is no candidate, and still hidden itself.
create function match_visible(viewer bigint, which bigint) returns boolean language sql stable as $$
  select not exists (
    select 1
      from match m
      join match c on c.incident = m.incident and c.involvement = m.involvement
     where m.id = which
       and (c.state <> 'superseded' or c.id = m.id)
       and not visible(viewer, c.person))
$$;

-- The same rule for a list or a count: everybody whom an account may not know
-- of, as a set, so that a queue of thousands asks once and not once a row.
create function hidden_people(viewer bigint) returns setof bigint language sql stable as $$
  with recursive me as (
    select id, subject
      from account
     where id = viewer
  ),
  active_restriction as (
    select person, subject
      from restriction
     where until is null or until > now()
  ),
  barred(id) as (
    select x.person
      from exclusion x
      join me on me.subject = x.subject
     where x.until is null or x.until > now()
    union
    select r.person
      from active_restriction r
     where r.person not in (select m.person from active_restriction m join me on me.subject = m.subject)
    union
    select p.id
      from person p
     where p.restricted
       and p.id not in (select person from active_restriction)
       and not exists (
             select 1
               from account_role g
              where g.account = viewer
                and (   (g.role = 'practitioner' and g.scope = p.practitioner)
                     or (g.role = 'manager' and g.scope = p.team)
                     or (g.role = 'head' and g.scope = p.pdu)
                     or (g.role = 'administrator' and g.scope = p.pdu and g.restricted)))
  ),
  hidden(id) as (
    select b.id
      from barred b
      join person p on p.id = b.id and p.merged_into is null
    union
    select p.id -- whoever was merged into somebody hidden is hidden with them
      from hidden h
      join person p on p.merged_into = h.id
  )
  select id
    from hidden
$$;

-- +goose StatementEnd
