package bench

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/simulator"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// BenchmarkMatcherStartup loads a register of 240,000 from PostgreSQL as a
// matcher does when it starts, beside its parts: the same people read and
// decoded but not kept, and the bare table carried over. Mark: three seconds.
func BenchmarkMatcherStartup(b *testing.B) {
	const people = 240_000
	ctx := context.Background()
	db := pgtest.New(b)
	supervise(b, db, simulator.World{Seed: 1, People: people, Date: casework.Date{Year: 2018, Month: 10, Day: 1}})
	change := []events.Event{events.New(time.Now(), events.CaseloadChanged{RegisterVersion: 1})}
	for b.Loop() {
		start := time.Now()
		rows, err := db.Pool().Query(ctx, `
			select id, crn, surname, forenames, aliases, date_of_birth, sex, pncs, cros, noms, address, postcode, previous_postcodes
			  from person`)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
		}
		if rows.Err() != nil {
			b.Fatal(rows.Err())
		}
		bare := time.Since(start)

		start = time.Now()
		n := 0
		if _, err := db.RegisterPeople(ctx, func(casework.RegisterPerson) error { n++; return nil }); err != nil || n != people {
			b.Fatalf("%d people, %v", n, err)
		}
		read := time.Since(start)

		r := linkage.New(linkage.Default())
		m := matcher.New(matcher.Config{Ledger: db, Register: r, Log: slog.New(slog.DiscardHandler)})
		start = time.Now()
		if err := m.Handle(ctx, change); err != nil || r.Len() != people {
			b.Fatalf("%d people on the register, %v", r.Len(), err)
		}
		whole := time.Since(start)
		b.Logf("a matcher starts in %s with %d people; reading and decoding them takes %s of it, the bare table %s",
			whole.Round(time.Millisecond), people, read.Round(time.Millisecond), bare.Round(time.Millisecond))
		b.ReportMetric(whole.Seconds(), "s/start")
		b.ReportMetric(float64(whole)/float64(bare), "x-bare")
	}
}

// supervise puts a world's people into the store, without the work of an import.
func supervise(b *testing.B, db *postgres.DB, world simulator.World) {
	pgtest.Exec(b, db, `insert into pdu (code, name, region) values ('P', 'P', 'R')`)
	pgtest.Exec(b, db, `insert into team (code, name, pdu) values ('T', 'T', 'P')`)
	i := 0
	if _, err := db.Pool().CopyFrom(context.Background(), pgx.Identifier{"person"},
		[]string{"crn", "noms", "pncs", "cros", "surname", "forenames", "aliases", "date_of_birth", "sex", "address", "postcode", "previous_postcodes",
			"identity_digest", "pdu", "team", "changed_version"},
		pgx.CopyFromFunc(func() ([]any, error) {
			if i == world.People {
				return nil, nil
			}
			p := world.Person(i)
			i++
			previous := []string{}
			for _, at := range p.Previous {
				previous = append(previous, at.Postcode)
			}
			some := func(list []string) []string { return append([]string{}, list...) }
			return []any{p.CRN, p.NOMS, some(p.PNCs), some(p.CROs), p.Surname, p.Forenames, some(p.Aliases), p.DateOfBirth.String(), string(p.Sex),
				p.Address, p.Postcode, previous, "", "P", "T", int64(1)}, nil
		})); err != nil {
		b.Fatal(err)
	}
	pgtest.Exec(b, db, `update register set version = 1, extract_date = '2018-10-01'`)
	pgtest.Exec(b, db, `analyze person`)
}
