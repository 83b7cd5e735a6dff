package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// MatchEvidence is the evidence stored with a match, and the CRN it is about.
// It holds values: whoever shows them answers for it. The error is
// casework.ErrNotFound when there is no such match, or its evidence is erased.
func (db *DB) MatchEvidence(ctx context.Context, id casework.MatchID) (crn string, e casework.Evidence, err error) {
	var evidence []byte
	err = db.pool.QueryRow(ctx, `
		select p.crn, m.evidence
		  from match m
		  join person p on p.id = current_person(m.person)
		 where m.id = @id
		   and m.erased_at is null`, pgx.NamedArgs{"id": id}).Scan(&crn, &evidence)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", e, casework.ErrNotFound
	}
	if err != nil {
		return "", e, fmt.Errorf("read the evidence of match %d: %w", id, problem(err))
	}
	if json.Unmarshal(evidence, &e) != nil {
		return "", e, fmt.Errorf("read the evidence of match %d: not the JSON of evidence", id) // the cause may quote a value
	}
	return crn, e, nil
}
