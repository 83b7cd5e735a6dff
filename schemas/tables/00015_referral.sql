-- A referral of a child states the concern, the risk and the action wanted, and
-- "not known to us" answers an enquiry: it never closes a referral.

-- +goose Up
-- +goose StatementBegin

alter table checklist
  add column concern text not null default '',
  add column risk    text not null default '',
  add column wanted  text not null default '';

-- What was answered before this was asked.
update checklist
   set concern = 'not asked',
       risk    = 'not asked',
       wanted  = 'not asked',
       note    = case when note = '' then 'not asked' else note end
 where rule = 'children_referral'
   and answer <> '';

alter table checklist
  drop constraint checklist_answer_check,
  add constraint checklist_answer_check
    check (answer in ('', 'done', 'not_needed') or (answer = 'not_known' and rule = 'children_enquiry')),
  add constraint checklist_referral_check
    check (   rule <> 'children_referral'
           or answer = ''
           or (answer = 'done' and concern <> '' and risk <> '' and wanted <> '')
           or (answer = 'not_needed' and note <> ''));

-- +goose StatementEnd
