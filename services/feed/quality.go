package feed

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// Quality says how good a submission's data are, beside what is right or wrong
// with single records: what a force's first file is judged by. It counts, and
// holds no value.
type Quality struct {
	Records int `json:"records"`
	Persons int `json:"persons"`
	// Filled counts, for each field, the records or persons that have it.
	Filled map[string]int `json:"filled"`
	// Nameless incidents name nobody, and can only be matched by identifiers.
	Nameless int `json:"nameless"`
	// Identifiers counts those that are not of their form ("pnc form"), or have
	// the wrong check letter ("pnc check letter").
	Identifiers map[string]int `json:"identifiers"`
	// Mangled counts texts that look as if they had been read in a wrong encoding.
	Mangled int            `json:"mangled"`
	Dropped map[string]int `json:"dropped,omitempty"`
	// Warnings are in words, worst first.
	Warnings []string `json:"warnings"`

	future, nearly, backward int
}

// Add counts one record. Records that were rejected count for their times alone.
func (q *Quality) Add(rec casework.Record, received time.Time) {
	if q.Filled == nil {
		q.Filled, q.Identifiers = map[string]int{}, map[string]int{}
	}
	q.Records++
	i := rec.Incident
	future := false
	for _, p := range rec.Problems {
		future = future || p.Code == string(check.InTheFuture)
	}
	if future {
		q.future++
		if ahead := i.ReportedAt.Sub(received); ahead > 0 && ahead < 62*time.Minute {
			q.nearly++ // under an hour ahead: the shape of British Summer Time sent as UTC
		}
	}
	// Reported up to an hour before it happened: one clock of the two is an hour out.
	if lag := i.ReportedAt.Sub(i.OccurredFrom); lag < 0 && lag >= -time.Hour && !i.ReportedAt.IsZero() {
		q.backward++
	}
	if len(rec.Problems) > 0 {
		return
	}
	q.filled(map[string]bool{
		"occurredTo": !i.OccurredTo.IsZero(), "dash": i.DASH != "", "summary": i.Summary != "", "location.text": i.Location.Text != "",
		"location.postcode": i.Location.Postcode != "", "actionsTaken": len(i.ActionsTaken) > 0,
	})
	if i.Redacted {
		q.Nameless++
	}
	for _, p := range i.Persons {
		q.person(p)
	}
}

func (q *Quality) filled(fields map[string]bool) {
	for name, has := range fields {
		if has {
			q.Filled[name]++
		} else {
			q.Filled[name] += 0
		}
	}
}

func (q *Quality) person(p casework.Involvement) {
	q.Persons++
	q.filled(map[string]bool{
		"persons.surname": p.Surname != "", "persons.forenames": p.Forenames != "", "persons.dateOfBirth": !p.DateOfBirth.IsZero(),
		"persons.sex": p.Sex != "", "persons.pnc": p.PNC != "", "persons.cro": p.CRO != "", "persons.address": p.Address != "",
		"persons.postcode": p.Postcode != "",
	})
	if p.PNC != "" {
		_, err := casework.ParsePNC(p.PNC)
		q.identifier("pnc", err)
	}
	if p.CRO != "" {
		_, err := casework.ParseCRO(p.CRO)
		q.identifier("cro", err)
	}
	if p.Postcode != "" {
		if _, err := casework.ParsePostcode(p.Postcode); err != nil {
			q.Identifiers["postcode form"]++
		}
	}
	for _, s := range []string{p.Surname, p.Forenames, p.Address} {
		// What UTF-8 looks like when it is read as Windows-1252, and a character
		// that some system before us could not read.
		if strings.Contains(s, "Ã") || strings.Contains(s, "â€") || strings.ContainsRune(s, '\ufffd') || strings.Contains(s, "??") {
			q.Mangled++
			break
		}
	}
}

func (q *Quality) identifier(kind string, err error) {
	switch {
	case err == nil:
	case errors.Is(err, casework.ErrCheckLetter):
		q.Identifiers[kind+" check letter"]++
	default:
		q.Identifiers[kind+" form"]++
	}
}

// Finish puts what stands out into words.
func (q *Quality) Finish(dropped map[string]int) {
	q.Dropped = dropped
	q.Warnings = []string{}
	warn := func(s string) { q.Warnings = append(q.Warnings, s) }
	if q.nearly > 0 && q.nearly*2 >= q.future {
		warn(count(q.nearly) + " are reported up to an hour after they were received: British Summer Time is being sent as UTC. Send times with their offset.")
	} else if q.future > 0 {
		warn(count(q.future) + " have a time in the future. Check the clock and the time zone of the sending system.")
	}
	if q.backward > 0 && q.backward*50 >= q.Records {
		warn(count(q.backward) + " are reported up to an hour before they happened: one of the two times is probably not converted from or to British Summer Time.")
	}
	if q.Nameless > 0 {
		warn(count(q.Nameless) + " name nobody. They can be matched by identifiers alone; the arrangement asks for the names of everyone involved.")
	}
	if q.Persons > 0 {
		if n := q.Persons - q.Filled["persons.dateOfBirth"]; n*10 > q.Persons {
			warn(percent(n, q.Persons) + " of people have no date of birth.")
		}
		if n := q.Identifiers["pnc form"]; n > 0 {
			warn(percent(n, max(1, q.Filled["persons.pnc"])) + " of PNC numbers do not have the form of one.")
		}
	}
	if q.Mangled > 0 {
		warn(percent(q.Mangled, max(1, q.Persons)) + " of people have a name or address that looks as if it had been read in a wrong encoding.")
	}
	if len(dropped) > 0 {
		warn("Some fields or columns were not understood and have been dropped.")
	}
}

func count(n int) string {
	if n == 1 {
		return "1 record"
	}
	return strconv.Itoa(n) + " records"
}

// percent is rounded up, so that what exists is never told as none.
func percent(n, of int) string {
	return strconv.Itoa(int(math.Ceil(100*float64(n)/float64(of)))) + "%"
}
