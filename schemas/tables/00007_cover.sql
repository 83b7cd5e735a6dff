-- Who stands in for whom, who is on duty at night, and what there is to think of.

-- +goose Up
-- +goose StatementBegin

-- Somebody is away. Their work is their cover's meanwhile; without one it is
-- their manager's at once.
create table cover (
  id         bigint generated always as identity primary key,
  staff      text not null,
  by_staff   text not null default '', -- who covers; empty: nobody
  starts     timestamptz not null,
  ends       timestamptz not null,
  set_by     text not null, -- account.subject: the person or their manager
  set_at     timestamptz not null default now(),
  ended_at   timestamptz,   -- handed back before its end
  ended_by   text,
  check (ends > starts),
  check (staff <> by_staff)
);

create index cover_staff on cover (staff, ends) where ended_at is null;

-- Who has somebody's work at a time: themselves, their cover, or nobody. The
-- cover that was set last counts. A cover's own cover is not followed further:
-- work that passed through two hands is lost sight of.
create function holder(who text, at timestamptz) returns text language sql stable as $$
  select case
           when c.id is null then who
           when c.by_staff = '' then ''
           when exists (
                  select 1
                    from cover d
                   where d.staff = c.by_staff
                     and d.ended_at is null
                     and d.starts <= at
                     and d.ends > at) then ''
           when exists (
                  select 1
                    from staff s
                   where s.code = c.by_staff
                     and s.gone_at is not null) then ''
           else c.by_staff
         end
    from (select 1) one
    left join lateral (
           select id, by_staff
             from cover
            where staff = who
              and ended_at is null
              and starts <= at
              and ends > at
            order by id desc
            limit 1) c on true
$$;

-- Who takes what is urgent at night, at weekends and on bank holidays.
create table rota (
  id       bigint generated always as identity primary key,
  region   text not null,
  staff    text not null,
  starts   timestamptz not null,
  ends     timestamptz not null,
  set_by   text not null,
  set_at   timestamptz not null default now(),
  check (ends > starts)
);

create index rota_region on rota (region, ends);

-- What there is to think of in one action.
create table checklist (
  action      bigint not null references action,
  rule        text not null,
  why         jsonb not null default '{}', -- the values that made the rule true; no names
  raised_at   timestamptz not null default now(),
  answer      text not null default '' check (answer in ('', 'done', 'not_needed')),
  note        text not null default '',
  answered_at timestamptz,
  answered_by text, -- account.subject
  primary key (action, rule),
  check ((answer = '') = (answered_at is null))
);

-- +goose StatementEnd
