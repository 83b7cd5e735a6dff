package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// Police is one force.
type Police struct {
	*World
	Force string
}

// Police gives a force by its code.
func (w *World) Police(force string) Police { return Police{w, force} }

// Reports sends incidents as one submission. All of it has to be accepted, unless it was before.
func (p Police) Reports(incidents ...casework.Incident) casework.Receipt {
	p.Helper()
	body := LinesAt(p.began, p.Force, incidents...)
	receipt := p.take(canonical.NewReader(bytes.NewReader(body), canonical.Lines, p.rules()))
	if receipt.Rejected > 0 {
		p.Errorf("force %s: %d of %d records were rejected", p.Force, receipt.Rejected, len(incidents))
	}
	return receipt
}

// loaded is one time for all that is written in a run: what is sent a second time
// has to be the same, whatever hour it is by then.
var loaded = time.Now()

// Lines writes incidents as a force sends them, one a line. Times that were not
// given are an hour ago.
func Lines(force string, incidents ...casework.Incident) []byte {
	return LinesAt(loaded, force, incidents...)
}

// LinesAt writes them as of another time.
func LinesAt(now time.Time, force string, incidents ...casework.Incident) []byte {
	var body bytes.Buffer
	for _, in := range incidents {
		in.Force = force
		if in.ReportedAt.IsZero() {
			in.ReportedAt = now.Add(-time.Hour).Truncate(time.Hour)
		}
		if in.OccurredFrom.IsZero() {
			in.OccurredFrom = in.ReportedAt.Add(-time.Hour)
		}
		line, err := json.Marshal(in)
		if err != nil {
			panic("harness: incident cannot be encoded: " + err.Error())
		}
		body.Write(append(line, '\n'))
	}
	return body.Bytes()
}

// Withdraws takes an incident back.
func (p Police) Withdraws(in casework.Incident) {
	p.Helper()
	in.Revision++
	in.Status = casework.Withdrawn
	p.Reports(in)
}

// SendsFile sends an export as the force writes it.
func (p Police) SendsFile(path string) casework.Receipt {
	p.Helper()
	f, err := os.Open(path)
	if err != nil {
		p.Fatal(err)
	}
	defer f.Close()
	if !strings.HasSuffix(path, ".csv") {
		return p.take(canonical.NewReader(f, canonical.Auto, p.rules()))
	}
	mapping, err := csvfile.Shipped("", p.Force)
	if err != nil {
		p.Fatal(err)
	}
	r, err := csvfile.NewReader(f, mapping, p.rules())
	if err != nil {
		p.Fatal(err)
	}
	return p.take(r)
}

func (p Police) rules() check.Rules { return check.Rules{Force: p.Force, Now: p.Now()} }

func (p Police) take(r feed.Reader) casework.Receipt {
	p.Helper()
	in := feed.Intake{Ledger: p.DB, Now: p.Now}
	receipt, err := in.Take(context.Background(), feed.Submission{Force: p.Force, Channel: casework.ChannelCommandLine}, r)
	if err != nil {
		p.Fatal(err)
	}
	return receipt
}

// Sends sends lines of JSON, good or bad.
func (p Police) Sends(lines ...string) casework.Receipt {
	p.Helper()
	return p.take(canonical.NewReader(strings.NewReader(strings.Join(lines, "\n")), canonical.Lines, p.rules()))
}

// SendsCSV sends an export in the force's own format, good or bad. What cannot
// be read at all is refused.
func (p Police) SendsCSV(text string) {
	p.Helper()
	mapping, err := csvfile.Shipped("", p.Force)
	if err != nil {
		p.Fatal(err)
	}
	r, err := csvfile.NewReader(strings.NewReader(text), mapping, p.rules())
	if err != nil {
		fmt.Fprintln(p.log, "refused:", err)
		return
	}
	p.take(r)
}

// Spoils makes an incident's newest body unreadable, as a fault of ours would,
// and gives it to the matcher again.
func (w *World) Spoils(reference, body string) {
	w.Helper()
	w.Settled()
	pgtest.Exec(w, w.DB, `
		update revision r
		   set body = convert_to($2, 'UTF8'),
		       disposition = 'in_flight'
		  from incident i
		 where i.reference = $1
		   and r.incident = i.id
		   and r.number = i.head`, reference, body)
	pgtest.Exec(w, w.DB, `
		insert into event (subject, payload)
		select e.subject, e.payload
		  from event e
		  join incident i on i.id = (e.payload -> 'additionalInformation' ->> 'incidentId')::bigint
		 where i.reference = $1
		   and e.subject like 'incidents.%'`, reference)
}

// Discards closes what waits in quarantine about an incident.
func (w *World) Discards(reference string) {
	w.Helper()
	id := pgtest.One[int64](w, w.DB, `
		select q.id
		  from quarantine q
		  join incident i on i.id = q.incident
		 where i.reference = $1
		   and q.resolved_at is null`, reference)
	if err := w.DB.Discard(context.Background(), id, "operations", "a fault of ours"); err != nil {
		w.Fatal(err)
	}
}

// Feed is where forces send to, in the first process that listens for them.
func (w *World) Feed() string {
	w.Helper()
	for _, p := range w.running {
		if p.Feed != "" {
			return p.Feed
		}
	}
	w.Fatal("no feed runs")
	return ""
}
