package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// exports are what may leave the record as a table: codes, numbers and times.
// Names, rationales and addresses are not among them.
var exports = map[string]string{
	"matches": `
		select i.force,
		       i.reference,
		       m.revision,
		       m.position as person,
		       m.crn,
		       m.band,
		       m.bits,
		       m.probability,
		       m.state
		  from match m
		  join incident i on i.id = m.incident
		 order by i.force, i.reference, m.revision, m.position, m.bits desc, m.id`,
	"actions": `
		select a.id as action,
		       i.force,
		       i.reference,
		       m.revision,
		       m.position as person,
		       m.crn,
		       a.rule,
		       a.owner_role,
		       a.owner,
		       a.pdu,
		       a.team,
		       a.priority,
		       a.state,
		       a.unverified,
		       a.raised_at,
		       a.ack_due,
		       a.due,
		       a.acked_at,
		       a.done_at,
		       a.level as escalated,
		       a.closed_reason
		  from action a
		  join match m on m.id = a.match
		  join incident i on i.id = a.incident
		 order by a.id`,
	"decisions": `
		select d.id as decision,
		       d.action,
		       i.force,
		       i.reference,
		       m.crn,
		       d.outcome,
		       d.risk_changed,
		       d.manager_consulted,
		       d.consulted_at,
		       d.countersign_needed,
		       d.by,
		       d.at,
		       coalesce(d.countersigned_by, '') as countersigned_by,
		       d.countersigned_at,
		       d.flagged_at,
		       d.flagged_why
		  from decision d
		  join action a on a.id = d.action
		  join match m on m.id = a.match
		  join incident i on i.id = a.incident
		 order by d.id`,
}

// Exports names what can be exported.
func Exports() []string { return slices.Sorted(maps.Keys(exports)) }

// Export gives everything on the record of one kind, a row at a time: first the
// names of the columns, then the values as strings, numbers, booleans, times or
// nil. It holds one row in memory, however many there are.
func (db *DB) Export(ctx context.Context, what string, columns func([]string) error, give func([]any) error) error {
	query, ok := exports[what]
	if !ok {
		return fmt.Errorf("export %q: there are %v", what, Exports())
	}
	var stopped error
	rows, err := db.pool.Query(ctx, query, pgx.QueryExecModeDescribeExec)
	if err == nil {
		defer rows.Close()
		var names []string
		for _, f := range rows.FieldDescriptions() {
			names = append(names, f.Name)
		}
		if stopped = columns(names); stopped != nil {
			return stopped
		}
		for rows.Next() {
			values, err := rows.Values()
			if err != nil {
				return fmt.Errorf("export %s: %w", what, problem(err))
			}
			if stopped = give(values); stopped != nil {
				return stopped
			}
		}
		err = rows.Err()
	}
	if err != nil {
		return fmt.Errorf("export %s: %w", what, problem(err))
	}
	return nil
}
