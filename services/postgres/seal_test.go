package postgres_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// trail writes and seals n lines.
func trail(t *testing.T, n int) *postgres.DB {
	t.Helper()
	db := pgtest.New(t)
	pgtest.Exec(t, db, `
		insert into audit (actor, what, service, subject_type, subject_id, details)
		select 'persona:admin', 'PAGE_VIEW_MATCH', 'desk', 'match', n::text, jsonb_build_object('shown', md5(n::text))
		  from generate_series(1, $1::integer) n`, n)
	if got, err := db.SealAudit(t.Context()); err != nil || got != n {
		t.Fatalf("sealed: got %d and %v, want %d", got, err, n)
	}
	return db
}

// behind changes the trail as somebody with the database's keys could.
func behind(t *testing.T, db *postgres.DB, sql string) {
	t.Helper()
	tx, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"set local session_replication_role = replica", sql} { // no triggers, no foreign keys
		if _, err := tx.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestATrailThatNobodyTouchedIsWhole(t *testing.T) {
	db := trail(t, 100)
	if err := db.Record(t.Context(), postgres.Audit{Actor: "force:62", What: "RECEIPT", Service: "feed"}); err != nil {
		t.Fatal(err)
	}
	proof, err := db.VerifyAudit(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if proof.Sealed != 100 || proof.Unsealed != 1 || len(proof.Faults) != 0 || proof.Head.Seq != 100 {
		t.Errorf("got %+v, want 100 sealed, 1 waiting and no fault", proof)
	}
}

func TestAChangeBehindTheTrailsBackIsFound(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"one byte of an actor", "update audit set actor = 'persona:Admin' where id = 40", "changed"},
		{"a time moved by a microsecond", "update audit set at = at + interval '1 microsecond' where id = 40", "changed"},
		{"a detail", `update audit set details = details || '{"shown": "0"}' where id = 40`, "changed"},
		{"text moved to the next column", "update audit set subject_type = 'matc', subject_id = 'h' || subject_id where id = 40", "changed"},
		{"a line removed", "delete from audit where id = 40", "missing"},
		{"a line and its seal removed", "with s as (delete from audit_seal where audit = 40) delete from audit where id = 40", "missing"},
		{"two lines changed over", "update audit_seal set seq = case seq when 40 then 1041 else 1040 end where seq in (40, 41)", "missing"},
		{"a line put in", "insert into audit (actor, what, service) values ('x', 'y', 'z')", "never given"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := trail(t, 100)
			behind(t, db, c.sql)
			proof, err := db.VerifyAudit(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range proof.Faults {
				if strings.Contains(f.Fault, c.want) {
					return
				}
			}
			t.Errorf("got faults %+v, want one that says %q", proof.Faults, c.want)
		})
	}
}

func TestTheTrailRefusesChanges(t *testing.T) {
	db := trail(t, 1)
	for _, sql := range []string{
		"update audit set actor = 'x'",
		"delete from audit",
		"truncate audit cascade",
		"update audit_seal set seq = 2",
		"delete from audit_seal",
	} {
		if _, err := db.Pool().Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got %v, want a refusal", sql, err)
		}
	}
}

func TestALineThatCommitsLateIsSealedAfterItsElders(t *testing.T) {
	db := pgtest.New(t)
	late, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const line = "insert into audit (actor, what, service) values ('x', 'y', 'z')"
	if _, err := late.Exec(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, db, line)
	if n, err := db.SealAudit(t.Context()); err != nil || n != 1 {
		t.Fatalf("sealed: got %d and %v, want the committed line alone", n, err)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := db.SealAudit(t.Context()); err != nil || n != 1 {
		t.Fatalf("sealed: got %d and %v, want the late line", n, err)
	}
	if proof, err := db.VerifyAudit(t.Context(), nil); err != nil || proof.Sealed != 2 || len(proof.Faults) > 0 {
		t.Errorf("got %+v and %v, want 2 sealed lines and no fault", proof, err)
	}
}

func TestManySealersMakeOneChain(t *testing.T) {
	db := pgtest.New(t)
	var all errgroup.Group
	for range 4 {
		all.Go(func() error {
			for range 50 {
				if err := db.Record(t.Context(), postgres.Audit{Actor: "a", What: "b", Service: "c"}); err != nil {
					return err
				}
				if _, err := db.SealAudit(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.SealAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if proof, err := db.VerifyAudit(t.Context(), nil); err != nil || proof.Sealed != 200 || len(proof.Faults) > 0 {
		t.Errorf("got %+v and %v, want 200 sealed lines and no fault", proof, err)
	}
}

// The mark: a million lines verified within a minute.
func BenchmarkVerifyAudit(b *testing.B) {
	const lines = 200_000
	db := pgtest.New(b)
	pgtest.Exec(b, db, `
		insert into audit (actor, what, service, subject_type, subject_id, details)
		select 'persona:admin', 'PAGE_VIEW_MATCH', 'desk', 'match', n::text, jsonb_build_object('shown', md5(n::text))
		  from generate_series(1, $1::integer) n`, lines)
	began := time.Now()
	if _, err := db.SealAudit(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(lines/time.Since(began).Seconds(), "sealed/s")
	for b.Loop() {
		proof, err := db.VerifyAudit(b.Context(), nil)
		if err != nil || proof.Sealed != lines || len(proof.Faults) > 0 {
			b.Fatalf("got %+v and %v", proof, err)
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}

func TestAHeadKeptElsewhereShowsThatTheEndIsGone(t *testing.T) {
	db := trail(t, 20)
	head, err := db.AuditHead(t.Context())
	if err != nil || head.Seq != 20 {
		t.Fatalf("got head %d and error %v, want 20", head.Seq, err)
	}
	kept, err := postgres.ParseSeal(head.String())
	if err != nil {
		t.Fatal(err)
	}
	faults := func(kept ...postgres.Seal) (all []string) {
		t.Helper()
		proof, err := db.VerifyAudit(t.Context(), nil, kept...)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range proof.Faults {
			all = append(all, f.Fault)
		}
		return all
	}
	if got := faults(kept); len(got) != 0 {
		t.Errorf("a whole chain: got %q", got)
	}
	behind(t, db, "delete from audit_seal where seq > 15")
	behind(t, db, "delete from audit where id not in (select audit from audit_seal)")
	if got := faults(); len(got) != 0 {
		t.Errorf("without a head: got %q, and a chain cannot tell", got)
	}
	if got := faults(kept); len(got) != 1 || !strings.Contains(got[0], "cut off") {
		t.Errorf("the end is gone: got %q", got)
	}
	pgtest.Exec(t, db, "insert into audit (actor, what, service) select 'forged', 'X', 'desk' from generate_series(1, 5)")
	if _, err := db.SealAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := faults(kept); len(got) != 1 || !strings.Contains(got[0], "not the one whose head was kept") {
		t.Errorf("another end: got %q", got)
	}
	for _, wrong := range []string{"", "20", "x:ab", "20:zz", "20:abcd"} {
		if _, err := postgres.ParseSeal(wrong); err == nil {
			t.Errorf("%q was taken for a head", wrong)
		}
	}
}
