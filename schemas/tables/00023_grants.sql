-- Which token said last what an account may do.

-- +goose Up
-- +goose StatementBegin

-- When what an account's grants say was issued. A token that was issued before,
-- and is still valid, does not bring back what was taken away since. Empty for
-- accounts of before: whatever comes next is newer.
alter table account add column granted_at timestamptz;

-- +goose StatementEnd
