-- Who looked at a list in which somebody stood.

-- +goose Up
-- +goose StatementBegin

-- Whom and what a line of the trail names beside its subject: "match:7",
-- "person:5". A list is one line with all that stood on it, so that somebody is
-- found there by this and by nothing else.
create function trail_names(details jsonb) returns text[] language sql immutable parallel safe as $$
  select coalesce(array_agg(distinct n.type || ':' || n.id), '{}')
    from (
      select k.type, details ->> k.key as id
        from (values ('person', 'person'), ('match', 'match'), ('action', 'action')) k (key, type)
       where jsonb_typeof(details -> k.key) in ('number', 'string')
       union all
      select k.type, e.id
        from (values ('matches', 'match'), ('actions', 'action'), ('decided', 'action'), ('decisions', 'decision')) k (key, type)
       cross join jsonb_array_elements_text(
               case when jsonb_typeof(details -> k.key) = 'array' then details -> k.key else '[]' end) e (id)) n
$$;

create index audit_named on audit using gin (trail_names(details))
 where details ?| '{person,match,action,matches,actions,decided,decisions}';

-- +goose StatementEnd
