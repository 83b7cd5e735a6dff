package feed_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// typical is a record of the size and shape of the pilot's, with three people.
func typical(n int) string {
	return fmt.Sprintf(`{"force": "62", "reference": "B%07d", "revision": 1, "status": "live", "kind": "incident", "type": "Burglary", `+
		`"reportedAt": "2018-10-28T18:50:00Z", "occurredFrom": "2018-10-28T17:19:00Z", "occurredTo": "2018-10-28T17:19:00Z", "domesticAbuse": false, `+
		`"childrenPresent": false, "factors": ["drugs"], "location": {"text": "On or near Wheat Close", "lsoa": "W01000379"}, "actionsTaken": ["Arrested"], `+
		`"summary": "Male left before police arrived. Injury to the caller's arm.", "persons": [`+
		`{"role": "suspect", "surname": "Sampl", "forenames": "Un", "dateOfBirth": "1996-07-13", "sex": "M", "address": "111 Heol Prawf", "postcode": "LL65 4YF"}, `+
		`{"role": "victim", "surname": "Enghraifft", "forenames": "Dau", "dateOfBirth": "1981-04-13", "sex": "F", "address": "36 Heol Prawf", "postcode": "LL13 6PD"}, `+
		`{"role": "witness", "surname": "Prawf", "forenames": "Tri Pedwar", "dateOfBirth": "1987-03-25", "sex": "M", "address": "98 Heol Sampl", "postcode": "LL55 5AW"}]}`+"\n", n)
}

// endless gives typical records from a number, without keeping them.
type endless struct {
	next, end int
	rest      string
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		if e.rest == "" {
			if e.next == e.end {
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}
			e.rest = typical(e.next)
			e.next++
		}
		c := copy(b[n:], e.rest)
		n, e.rest = n+c, e.rest[c:]
	}
	return n, nil
}

// insert puts prepared rows into the ledger's tables as fast as these tables
// allow: the same rows, batches and connections as the feed's, and nothing
// read, judged or looked up.
func insert(b testing.TB, db *postgres.DB, from, to int) {
	ctx := context.Background()
	receipt := feed.NewID(time.Now())
	pgtest.Exec(b, db, `insert into receipt (id, force, channel) values ($1, '62', 'http')`, receipt)
	type batch struct {
		references, subjects, payloads []string
		numbers, lines                 []int
		bodies, digests                [][]byte
		at                             []time.Time
	}
	var batches []batch
	for n := from; n < to; n++ {
		if (n-from)%feed.Commit == 0 {
			batches = append(batches, batch{})
		}
		p := &batches[len(batches)-1]
		rec, err := canonical.NewReader(strings.NewReader(typical(n)), canonical.Value, check.Rules{Force: "62", Now: time.Now()}).Next()
		if err != nil || len(rec.Problems) > 0 {
			b.Fatal("the prepared record is not good")
		}
		body, err := json.Marshal(rec.Incident)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256(body)
		e := events.New(time.Now(), events.IncidentReceived{IncidentID: int64(n), Force: "62", Revision: 1})
		p.references, p.subjects, p.payloads = append(p.references, rec.Incident.Reference), append(p.subjects, e.Subject), append(p.payloads, string(e.Data))
		p.numbers, p.lines, p.at = append(p.numbers, 1), append(p.lines, n-from+1), append(p.at, rec.Incident.ReportedAt)
		p.bodies, p.digests = append(p.bodies, body), append(p.digests, digest[:])
	}
	own, server := spent(b, db)
	began := time.Now()
	for _, p := range batches {
		tx, err := db.Pool().Begin(ctx)
		if err != nil {
			b.Fatal(err)
		}
		rows, _ := tx.Query(ctx, `insert into incident (force, reference, head) select '62', r, 1 from unnest($1::text[]) r returning id`, p.references)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64]) // in the order given
		if err != nil {
			b.Fatal(err)
		}
		for _, step := range []struct {
			sql  string
			args []any
		}{
			{`insert into revision (incident, number, status, kind, type, reported_at, occurred_from, body, digest, receipt)
			  select k.id, 1, 'live', 'incident', 'Burglary', k.at, k.at, k.body, k.digest, $5
			    from unnest($1::bigint[], $2::timestamptz[], $3::bytea[], $4::bytea[]) as k (id, at, body, digest)`, []any{ids, p.at, p.bodies, p.digests, receipt}},
			{`insert into event (subject, payload) select s, p from unnest($1::text[], $2::jsonb[]) as k (s, p)`, []any{p.subjects, p.payloads}},
			{`insert into receipt_line (receipt, line, record, reference, revision, status, incident)
			  select $1, l, l, r, 1, 'accepted', i from unnest($2::integer[], $3::text[], $4::bigint[]) as k (l, r, i)`, []any{receipt, p.lines, p.references, ids}},
		} {
			if _, err := tx.Exec(ctx, step.sql, step.args...); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(began)
	own2, server2 := spent(b, db)
	b.Logf("floor: %.0f records/s; %s", float64(to-from)/took.Seconds(), perThousand(to-from, own, server, own2, server2))
	floors = append(floors, float64(to-from)/took.Seconds())
}

var floors []float64

// BenchmarkPostingLines sends NDJSON over HTTP until it is committed, between
// two runs of the floor: figures drift within minutes, ratios do not.
func BenchmarkPostingLines(b *testing.B) {
	const each = 20_000
	x := open(b, nil)
	from := 0
	for b.Loop() {
		floors = nil
		insert(b, x.db, from, from+each)
		from += each
		own, server := spent(b, x.db)
		began := time.Now()
		got := x.ask("62", "POST", "/v1/incidents", &endless{next: from, end: from + each}, "Content-Type", ndjsonType)
		rate := each / time.Since(began).Seconds()
		own2, server2 := spent(b, x.db)
		if got.status != http.StatusOK || got.Accepted != each {
			b.Fatalf("got %d, %d accepted", got.status, got.Accepted)
		}
		from += each
		insert(b, x.db, from, from+each)
		from += each
		floor := (floors[0] + floors[1]) / 2
		b.ReportMetric(rate, "records/s")
		b.ReportMetric(rate/floor, "of-the-floor")
		b.ReportMetric((own2-own+server2-server)*1000/each, "CPU-s/1000")
		b.Logf("posted: %.0f records/s, %s of the floor; %s", rate, strconv.FormatFloat(rate/floor, 'f', 2, 64), perThousand(each, own, server, own2, server2))
	}
}

// BenchmarkReading is the feed's own work on a record, without the ledger.
func BenchmarkReading(b *testing.B) {
	record := typical(1)
	b.SetBytes(int64(len(record)))
	b.ReportAllocs()
	r := canonical.NewReader(&endless{next: 0, end: b.N}, canonical.Lines, check.Rules{Force: "62", Now: time.Now()})
	for range b.N {
		if rec, err := r.Next(); err != nil || len(rec.Problems) > 0 {
			b.Fatal(err)
		}
	}
}

// paced sends single incidents at a steady rate and gives the answers' times.
func (x *exchange) paced(b testing.TB, force, prefix string, perSecond, total int) []time.Duration {
	return atPace(perSecond, total, func(n int) {
		body := strings.Replace(incident(prefix+strconv.Itoa(n), 1, "live", "a"), `"62"`, `"`+force+`"`, 1)
		if got := x.ask(force, "POST", "/v1/incidents", strings.NewReader(body), "Content-Type", jsonType); got.status != http.StatusCreated {
			b.Errorf("got %d", got.status)
		}
	})
}

// atPace begins something so many times a second, whether or not what began
// before has ended, and gives how long each took.
func atPace(perSecond, total int, do func(n int)) []time.Duration {
	took := make([]time.Duration, total)
	var wait sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for n := range total {
		<-tick.C
		wait.Go(func() {
			began := time.Now()
			do(n)
			took[n] = time.Since(began)
		})
	}
	wait.Wait()
	return took
}

// percentile gives the time within which so many of a hundred were done.
func percentile(took []time.Duration, of int) time.Duration {
	slices.Sort(took)
	return took[len(took)*of/100]
}

// BenchmarkSinglePosts weighs single submissions at 200 a second against the
// commit of one row, by the same connections, in turns of a second: on a
// database set as in production, where a commit waits for the disk, and on the
// tests' own, where it does not.
func BenchmarkSinglePosts(b *testing.B) {
	for _, on := range []struct {
		name string
		db   func(testing.TB) *postgres.DB
	}{{"durable", pgtest.Durable}, {"throw-away", pgtest.New}} {
		b.Run(on.name, func(b *testing.B) {
			x := openOn(b, on.db(b), func(c *feed.Config) { c.Door.Keys = access.Remember(c.Store.(*postgres.DB), time.Second) }) // its limits are those that ship
			pgtest.Exec(b, x.db, `create table floor (n integer)`)
			x.paced(b, "62", "W", 200, 200) // connections and plans
			for run := 0; b.Loop(); run++ {
				var posts, rows []time.Duration
				for turn := range 3 {
					rows = append(rows, atPace(200, 200, func(n int) {
						if _, err := x.db.Pool().Exec(context.Background(), `insert into floor values ($1)`, n); err != nil {
							b.Error(err)
						}
					})...)
					posts = append(posts, x.paced(b, "62", fmt.Sprintf("R%d-%d-", run, turn), 200, 200)...)
				}
				post, row := percentile(posts, 99), percentile(rows, 99)
				b.ReportMetric(float64(post)/float64(row), "of-one-row-commit")
				b.Logf("a POST: p50 %v, p99 %v; a one-row commit: p50 %v, p99 %v; p99 of one to the other %.1f",
					percentile(posts, 50), post, percentile(rows, 50), row, float64(post)/float64(row))
			}
		})
	}
}

// BenchmarkAFlood compares one force's answers with and without another that
// sends as fast as it can.
func BenchmarkAFlood(b *testing.B) {
	for range b.N {
		x := open(b, func(c *feed.Config) { c.Door.Keys = access.Remember(c.Store.(*postgres.DB), time.Second) })
		x.paced(b, "61", "W", 20, 40)
		alone := percentile(x.paced(b, "61", "A", 20, 200), 99)
		ctx, stop := context.WithCancel(context.Background())
		var flood sync.WaitGroup
		var sent, slowed atomic.Int64
		for worker := range 8 {
			flood.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					got := x.ask("62", "POST", "/v1/incidents", strings.NewReader(incident(fmt.Sprintf("F%d-%d", worker, n), 1, "live", "a")), "Content-Type", jsonType)
					sent.Add(1)
					if got.status == http.StatusTooManyRequests {
						slowed.Add(1)
					}
				}
			})
		}
		beside := percentile(x.paced(b, "61", "B", 20, 200), 99)
		stop()
		flood.Wait()
		b.ReportMetric(float64(beside)/float64(alone), "of-alone")
		b.Logf("p99 alone %v, beside a flood of %d requests (%d told to wait) %v", alone, sent.Load(), slowed.Load(), beside)
	}
}
