-- What the pages of a big office count, read from indexes alone.

-- +goose Up
-- +goose StatementBegin

-- How late each force's records were, in a week of them.
drop index revision_received;
create index revision_received on revision (received_at) include (incident, reported_at);
create index incident_force on incident (id) include (force);

-- Response times of a period.
drop index milestone_reached;
create index milestone_reached on milestone (at) include (stage, priority, pdu, match, elapsed_seconds, working_seconds);

-- The board of a team: the work of its PDU in order, and whose it is.
drop index action_team;
create index action_team on action (pdu, next_due, id) include (person, match)
  where state in ('open', 'acknowledged') and owner_role in ('practitioner', 'manager') and rule not in ('acknowledge_match', 'transfer_match', 'countersign_decision');
create index person_of_team on person (team);
create index person_of_pdu on person (pdu);

-- +goose StatementEnd
