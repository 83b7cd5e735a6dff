package caseload_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/simulator"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// BenchmarkImport takes a first extract of 240,000 people into an empty
// register, and then the same again. The mark is 30 s.
func BenchmarkImport(b *testing.B) {
	const people = 240_000
	world := simulator.World{Seed: 1, People: people, Date: october(1)}
	var text bytes.Buffer
	if err := world.WriteExtract(&text, nil); err != nil {
		b.Fatal(err)
	}
	db := pgtest.New(b)
	for b.Loop() {
		im := extract.Importer{Store: db}
		report, err := im.Import(context.Background(), casework.Extract{Kind: casework.FullExtract, Date: october(1)}, extract.Format{}, bytes.NewReader(text.Bytes()))
		if err != nil || report.Supervised != people {
			b.Fatal(report.Supervised, err)
		}
	}
}

// BenchmarkRegister reads 240,000 people for the matcher. The mark is 3 s.
func BenchmarkRegister(b *testing.B) {
	const people = 240_000
	world := simulator.World{Seed: 1, People: people, Date: october(1)}
	var text bytes.Buffer
	if err := world.WriteExtract(&text, nil); err != nil {
		b.Fatal(err)
	}
	db := pgtest.New(b)
	im := extract.Importer{Store: db}
	if _, err := im.Import(context.Background(), casework.Extract{Kind: casework.FullExtract, Date: october(1)}, extract.Format{}, &text); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		n := 0
		if _, err := db.RegisterPeople(context.Background(), func(casework.RegisterPerson) error { n++; return nil }); err != nil || n != people {
			b.Fatal(n, err)
		}
	}
}
