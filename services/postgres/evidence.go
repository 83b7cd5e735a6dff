package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Reader is who reads the evidence of a match outside the desk.
type Reader struct {
	// Subject is their account's. Without one it is whoever has the command
	// line: they may know of nobody whose case is restricted from anybody.
	Subject string
	// Values says that the values compared are read too. That takes a subject.
	Values bool
}

// MatchEvidence is the evidence stored with a match, and the CRN it is about,
// for somebody who may see it; that they have read it is in the trail. Values
// are left out unless the reader asks for them. The error is
// casework.ErrNotFound when there is no such match for them, or its evidence is
// erased.
func (db *DB) MatchEvidence(ctx context.Context, who Reader, id casework.MatchID) (crn string, e casework.Evidence, err error) {
	if who.Values && who.Subject == "" {
		return "", e, casework.ErrNotFound
	}
	var evidence []byte
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			select p.crn, m.evidence
			  from match m
			  join person p on p.id = current_person(m.person)
			 where m.id = @id
			   and m.erased_at is null
			   and case
			         when @subject = '' then not guarded(m.id)
			         else exists (
			                select 1
			                  from account a
			                 where a.subject = @subject
			                   and a.disabled_at is null
			                   and works_on_case(a.id, m.person)
			                   and match_visible(a.id, m.id))
			       end`,
			pgx.NamedArgs{"id": id, "subject": who.Subject}).Scan(&crn, &evidence)
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: cmp.Or(who.Subject, "command line"), What: "MATCH_EXPLAINED", Service: "matcher",
			SubjectType: "match", SubjectID: fmt.Sprint(id), Details: map[string]any{"values": who.Values}})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", e, casework.ErrNotFound
	}
	if err != nil {
		return "", e, fmt.Errorf("read the evidence of match %d: %w", id, err)
	}
	if json.Unmarshal(evidence, &e) != nil {
		return "", e, fmt.Errorf("read the evidence of match %d: not the JSON of evidence", id) // the cause may quote a value
	}
	if !who.Values {
		for i := range e.Steps {
			e.Steps[i].Incident, e.Steps[i].Register = "", ""
		}
	}
	return crn, e, nil
}
