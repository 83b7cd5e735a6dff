package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/scene"
)

// growing are the tables that do so with every incident.
var growing = []string{"incident", "revision", "receipt", "receipt_line", "match", "judgement", "action", "action_history", "step", "checklist", "decision",
	"milestone", "notice", "delivery", "transfer", "enquiry", "reply", "audit", "audit_seal", "event", "counted", "tally", "tally_time", "reviewed"}

// heard is a witness that keeps every query once, with what it was asked with.
type heard struct {
	sync.Mutex
	all map[string][]any
}

func (h *heard) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	h.Lock()
	defer h.Unlock()
	if _, ok := h.all[d.SQL]; !ok {
		h.all[d.SQL] = d.Args
	}
	return ctx
}

func (*heard) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// plan is a node of what PostgreSQL would do.
type plan struct {
	Node  string  `json:"Node Type"`
	Table string  `json:"Relation Name"`
	Index string  `json:"Index Name"`
	Cond  string  `json:"Index Cond"`
	Rows  float64 `json:"Plan Rows"`
	Plans []plan
}

// endToEnd are the big tables that a plan reads whole: in their own order, or in
// that of an index without a condition that narrows it. An index of a part of a
// table is as long as the part; under a limit an order is read no further.
func (p plan) endToEnd(partial []string, limited bool) (found []string) {
	limited = limited || p.Node == "Limit"
	if slices.Contains(growing, p.Table) && p.Cond == "" && !strings.HasPrefix(p.Node, "Bitmap Heap") &&
		p.Node != "ModifyTable" && !slices.Contains(partial, p.Index) && !(limited && p.Index != "") {
		found = append(found, fmt.Sprintf("%s of %s %s", p.Node, p.Table, p.Index))
	}
	for _, c := range p.Plans {
		found = append(found, c.endToEnd(partial, limited && p.Node != "Sort" && p.Node != "Aggregate")...)
	}
	return found
}

func TestNoPageReadsABigTableFromEndToEndNorPagesByOffset(t *testing.T) {
	w := &world{Scene: scene.New(t)}
	ids := everything(w)
	years(t, w.DB, 5_500, 200, 2_000)
	witness := &heard{all: map[string][]any{}}
	db, err := postgres.OpenTraced(t.Context(), w.DB.Pool().Config().ConnString(), witness)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	d, err := desk.New(desk.Config{DB: db, Demo: true})
	if err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(d.Routes())
	t.Cleanup(w.server.Close)
	asked := map[string]string{} // query → the page that asked it
	seen := map[string]bool{}
	for _, role := range roles {
		me := w.Accounts[role]
		u := w.as(t, role)
		for _, r := range d.Table() {
			method, at, _ := strings.Cut(r.Pattern, " ")
			if method != "GET" || r.Rule.Anyone || at == "/live" || !r.Rule.Allows(&me) {
				continue
			}
			if strings.Contains(at, "/staff/{code}") {
				at = strings.Replace(at, "{code}", scene.Practitioner, 1)
			}
			// The day's list is the longest page there is, and the same for all.
			if once := strings.Contains(at, "/digest"); once && seen[at] {
				continue
			}
			seen[at] = true
			u.get(ids.Replace(r.Pattern, at))
			for sql := range witness.all {
				if asked[sql] == "" {
					asked[sql] = r.Pattern
				}
			}
		}
	}

	conn, err := w.DB.Pool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	rows, _ := conn.Query(t.Context(), "select indexrelid::regclass::text from pg_index where indpred is not null")
	partial, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	// A table of some thousand rows is read sooner than looked up in: as if that
	// took longer, as it does with a million.
	for _, sql := range []string{"set enable_seqscan = off", "set enable_hashjoin = off", "set enable_mergejoin = off"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	explained := 0
	for sql, page := range asked {
		word, _, _ := strings.Cut(strings.TrimSpace(sql), " ")
		if word, _, _ = strings.Cut(word, "\n"); word != "select" && word != "with" {
			continue
		}
		var text []byte
		if err := conn.QueryRow(t.Context(), "explain (format json) "+sql, witness.all[sql]...).Scan(&text); err != nil {
			t.Errorf("%s asks what cannot be explained: %v\n%s", page, err, sql)
			continue
		}
		var tops []struct{ Plan plan }
		if err := json.Unmarshal(text, &tops); err != nil {
			t.Fatal(err)
		}
		explained++
		if strings.Contains(strings.ToLower(sql), "offset") {
			t.Errorf("%s pages by offset:\n%s", page, sql)
		}
		if found := tops[0].Plan.endToEnd(partial, false); len(found) > 0 {
			t.Errorf("%s: %s\n%s", page, strings.Join(found, ", "), sql)
		}
	}
	if explained < 60 {
		t.Errorf("%d queries were explained, want those of every page", explained)
	}
}
