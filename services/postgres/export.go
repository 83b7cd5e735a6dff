package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
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
		 where ` + exported + `
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
		 where ` + exported + `
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
		 where ` + exported + `
		 order by d.id`,
	"trail": `
		select a.id as line,
		       a.at,
		       a.actor,
		       a.what,
		       a.service,
		       a.subject_type,
		       a.subject_id,
		       a.correlation,
		       a.details::text as details,
		       s.seq as sealed
		  from audit a
		  left join audit_seal s on s.audit = a.id
		 order by a.id`,
}

// exported is what an account may take out: what it may open at the desk.
// Nobody in particular is whoever holds the database, to whom all of it is open.
const exported = `(@viewer::bigint = 0 or works_on_case(@viewer, m.person) and match_visible(@viewer, m.id))`

// Exports names what can be exported.
func Exports() []string { return slices.Sorted(maps.Keys(exports)) }

// ExportFor is Export of what an account may see, or of everything for none,
// with who took it out on the trail before the first row leaves.
func (db *DB) ExportFor(ctx context.Context, viewer casework.AccountID, by, what string, columns func([]string) error, give func([]any) error) error {
	if _, ok := exports[what]; ok {
		if err := db.Record(ctx, Audit{Actor: by, What: "EXPORT_" + strings.ToUpper(what), Service: "reportable", SubjectType: what,
			Details: map[string]any{"everything": viewer == 0}}); err != nil {
			return err
		}
	}
	return db.export(ctx, viewer, what, columns, give)
}

// Export gives everything on the record of one kind, a row at a time: first the
// names of the columns, then the values as strings, numbers, booleans, times or
// nil. It holds one row in memory, however many there are.
func (db *DB) Export(ctx context.Context, what string, columns func([]string) error, give func([]any) error) error {
	return db.export(ctx, 0, what, columns, give)
}

func (db *DB) export(ctx context.Context, viewer casework.AccountID, what string, columns func([]string) error, give func([]any) error) error {
	query, ok := exports[what]
	if !ok {
		return fmt.Errorf("export %q: there are %v", what, Exports())
	}
	args := pgx.NamedArgs{"viewer": viewer}
	var stopped error
	rows, err := db.pool.Query(ctx, query, pgx.QueryExecModeDescribeExec, args)
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
