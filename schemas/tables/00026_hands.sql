-- What somebody has a hand in is found by who they are.

-- +goose Up
-- +goose StatementBegin

-- Nobody looks at a sample of work that they had a hand in. A draw asks that of
-- all that was closed in a period: it reads the little that one person did, not
-- everything done about each case. Only what people do is written here.
create index action_acked_by on action (acked_by) where acked_by is not null;
create index action_done_by on action (done_by) where done_by is not null;
create index action_history_by on action_history (by) where by <> '';
create index decision_by on decision (by);
create index decision_countersigned_by on decision (countersigned_by) where countersigned_by is not null;
create index decision_consulted on decision (manager_consulted) where manager_consulted <> '';
create index checklist_by on checklist (answered_by) where answered_by is not null;
create index judgement_by on judgement (by);
create index enquiry_by on enquiry (asked_by);

-- +goose StatementEnd
