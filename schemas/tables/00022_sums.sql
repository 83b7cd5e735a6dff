-- Sums that are read in few rows: all work together, of which what somebody may
-- not see is taken off, and times packed into one row for each stage.

-- +goose Up
-- +goose StatementBegin

alter table tally rename to tally_before;
alter table tally_before rename constraint tally_pkey to tally_before_pkey;
alter table tally_time rename to tally_time_before;
alter table tally_time_before rename constraint tally_time_pkey to tally_time_before_pkey;

-- Sums over spans of 1, 4, 16, 64 and 256 days. A period is made up of few, some
-- of them taken off again.
create table tally (
  span  smallint not null,
  start date not null,
  pdu   text not null,
  what  text not null,
  n     bigint not null,
  primary key (span, start, pdu, what)
) with (fillfactor = 80);

-- How long stages took, in steps: how many fell in each, and their sum in
-- microseconds. A report reads hundreds of steps of every stage, and a row for
-- each would take it longer than all else.
create table tally_time (
  span     smallint not null,
  start    date not null, -- of when the stage was reached
  pdu      text not null,
  stage    text not null,
  priority text not null,
  elapsed  boolean not null, -- on the wall clock, else in working time
  upto     double precision[] not null,
  n        bigint[] not null,
  micros   bigint[] not null,
  primary key (span, start, pdu, stage, priority, elapsed)
) with (toast_tuple_target = 8160);

-- As it is: unpacking takes longer than reading.
alter table tally_time
  alter column upto set storage external,
  alter column n set storage external,
  alter column micros set storage external;

insert into tally (span, start, pdu, what, n)
select s.span, t.start - (t.start - date '1970-01-01') % s.span, t.pdu, t.what, sum(t.n)
  from tally_before t
 cross join (values (1), (4), (16), (64), (256)) s (span)
 where t.span = 1
 group by 1, 2, 3, 4
having sum(t.n) <> 0;

insert into tally_time (span, start, pdu, stage, priority, elapsed, upto, n, micros)
select x.span, x.start, x.pdu, x.stage, x.priority, x.elapsed, array_agg(x.upto order by x.upto), array_agg(x.n order by x.upto), array_agg(x.micros order by x.upto)
  from (
    select s.span, t.start - (t.start - date '1970-01-01') % s.span as start, t.pdu, t.stage, t.priority, t.elapsed, t.upto,
           sum(t.n)::bigint as n, sum(t.micros)::bigint as micros
      from tally_time_before t
     cross join (values (1), (4), (16), (64), (256)) s (span)
     where t.span = 1
     group by 1, 2, 3, 4, 5, 6, 7
    having sum(t.n) <> 0
        or sum(t.micros) <> 0) x
 group by 1, 2, 3, 4, 5, 6;

drop table tally_before;
drop table tally_time_before;

-- The same steps, as one expression, which queries take into themselves: called
-- for every time it takes longer than all else.
create or replace function time_step(seconds double precision) returns double precision language sql immutable as $$
  select ceil(seconds / case
                          when seconds <= 1 then double precision '0.02'
                          when seconds <= 10 then 0.2
                          when seconds <= 60 then 1
                          when seconds <= 600 then 10
                          when seconds <= 3600 then 60
                          when seconds <= 14400 then 300
                          when seconds <= 43200 then 900
                          when seconds <= 172800 then 3600
                          when seconds <= 1209600 then 14400
                          else 86400
                        end)
       * case
           when seconds <= 1 then double precision '0.02'
           when seconds <= 10 then 0.2
           when seconds <= 60 then 1
           when seconds <= 600 then 10
           when seconds <= 3600 then 60
           when seconds <= 14400 then 300
           when seconds <= 43200 then 900
           when seconds <= 172800 then 3600
           when seconds <= 1209600 then 14400
           else 86400
         end
$$;

-- What is guarded is looked up by who guards it, for it is little.
create index counted_guarded on counted (guard, day) include (counts) where guard <> 0;
create index milestone_guarded on milestone (counted_guard, counted_on) include (stage, priority, pdu, elapsed_seconds, working_seconds) where counted_guard <> 0;

-- The times of one team are read without the milestones themselves.
drop index milestone_team;
create index milestone_team on milestone (team, at) include (stage, priority, pdu, elapsed_seconds, working_seconds, counted_guard) where counted_on is not null;

-- +goose StatementEnd
