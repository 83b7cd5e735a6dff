package postgres

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/reportable-incidents/reportable/services/casework"
)

// incoming streams the rows into the temporary table of that name.
type incoming struct {
	next      func() (casework.CaseRow, error)
	directory *directory
	row       casework.CaseRow
	rejected  int
	failed    error
}

func (s *incoming) Next() bool {
	s.row, s.failed = s.next()
	if errors.Is(s.failed, io.EOF) {
		s.failed = nil
		return false
	}
	if s.failed != nil {
		return false
	}
	if s.row.Rejected {
		s.rejected++
	} else if !s.row.Ended && s.row.MergedInto == "" {
		s.directory.add(&s.row)
	}
	return true
}

func (s *incoming) Err() error { return s.failed }

var incomingColumns = []string{
	"row", "crn", "rejected", "ended", "merged_into", "merged_from",
	"noms", "pncs", "cros", "surname", "forenames", "aliases", "date_of_birth", "sex",
	"address", "postcode", "previous_postcodes", "identity_digest",
	"order_type", "sentence_date", "supervision_start", "supervision_end",
	"rosh", "mappa_category", "mappa_level", "registers", "restricted",
	"victim_contact", "circumstances", "pdu", "team", "practitioner",
	"exclusions", "restrictions",
}

func (s *incoming) Values() ([]any, error) {
	r := &s.row
	circumstances, err := json.Marshal(r.Circumstances)
	if err != nil {
		return nil, err
	}
	previous := make([]string, len(r.Previous))
	for i, p := range r.Previous {
		previous[i] = p.Postcode
	}
	return []any{
		r.Row, r.CRN, r.Rejected, r.Ended, r.MergedInto, list(r.MergedFrom),
		r.NOMS, list(r.PNCs), list(r.CROs), r.Surname, r.Forenames, list(r.Aliases), r.DateOfBirth.String(), string(r.Sex),
		r.Address, r.Postcode, previous, r.Identity.Digest(),
		r.OrderType, day(r.SentenceDate), day(r.SupervisionStart), day(r.SupervisionEnd),
		string(r.RoSH), r.MAPPA.Category, r.MAPPA.Level, list(r.Registers), r.Restricted,
		r.VictimContact, string(circumstances), r.PDU, r.Team, r.Practitioner,
		limitsJSON(r.ExcludedUsers), limitsJSON(r.RestrictedTo),
	}, nil
}

// list is never null: the columns are not.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// day is null where a date is not stated.
func day(d casework.Date) any {
	if d.IsZero() {
		return nil
	}
	return d.Time()
}
