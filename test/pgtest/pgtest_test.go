package pgtest

import "testing"

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	one, two := New(t), New(t)
	const insert = "insert into event (subject, payload) values ('caseload.changed', '{}')"
	Exec(t, one, insert)
	if got := One[int](t, one, "select count(*) from event"); got != 1 {
		t.Errorf("the database written to: got %d events, want 1", got)
	}
	if got := One[int](t, two, "select count(*) from event"); got != 0 {
		t.Errorf("the other database: got %d events, want none", got)
	}
}

func TestADatabaseIsGoneAfterItsTest(t *testing.T) {
	var name string
	t.Run("lease", func(t *testing.T) {
		name = One[string](t, New(t), "select current_database()")
	})
	s := lease(t)
	var there bool
	if err := s.admin.QueryRow(t.Context(), "select exists (select 1 from pg_database where datname = $1)", name).Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there {
		t.Errorf("%s is still there", name)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		URL(b)
	}
}
