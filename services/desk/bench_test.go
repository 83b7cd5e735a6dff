package desk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// slowest is a witness of queries: it keeps the one that took longest, the most
// that one had the processor for, and for how long all together had it.
type slowest struct {
	sync.Mutex
	took, most, all time.Duration
	began           time.Duration // what this process had had
	sql, mostSQL    string
}

type queryKey struct{}

type query struct {
	at  time.Time
	ran time.Duration
	sql string
}

// ran is for how long a server's process has had the processor: what its work
// costs where others wait for the same two. Zero where Linux does not say so.
func ran(conn *pgx.Conn) (d time.Duration) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", conn.PgConn().PID()))
	if err == nil {
		fmt.Sscan(string(stat), (*int64)(&d))
	}
	return d
}

func (s *slowest) TraceQueryStart(ctx context.Context, conn *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, queryKey{}, query{time.Now(), ran(conn), d.SQL})
}

func (s *slowest) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	q, ok := ctx.Value(queryKey{}).(query)
	if !ok {
		return
	}
	took, busy := time.Since(q.at), ran(conn)-q.ran
	s.Lock()
	defer s.Unlock()
	s.all += busy
	if took > s.took {
		s.took, s.sql = took, q.sql
	}
	if busy > s.most {
		s.most, s.mostSQL = busy, q.sql
	}
}

func (s *slowest) reset() {
	s.Lock()
	defer s.Unlock()
	s.took, s.sql, s.most, s.mostSQL, s.all, s.began = 0, "", 0, "", 0, own()
}

// own is for how long this process has had a processor, the browser's part
// included.
func own() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The marks of a page.
const (
	pageMark  = 150 * time.Millisecond
	queryMark = 50 * time.Millisecond
)

// somePages narrows BenchmarkPages: whoever mends one page need not wait for all.
var somePages = flag.String("pages", "", "only those of BenchmarkPages whose path, or POST- and name, match this `expression`")

// BenchmarkPages times every page and the forms that are sent most, from the
// request to the last byte, with 100,000 open and 1,000,000 closed matches of
// 16,000 people in two PDUs, one in fifty of them restricted, and a million
// lines on the trail. Each is asked for by the role for which it takes longest.
// Beside the median and the 95th of a hundred it gives the slowest single query
// and the floor, the same of a page without a query; and for how long a page, and
// the heaviest query, had a processor, which is what they cost on a busy machine.
// The marks: a p95 of 150 ms, and no query over 50 ms. Those that miss one are
// named at the end.
func BenchmarkPages(b *testing.B) {
	db, notes := pgtest.Kept(b, "pages", func(db *postgres.DB) string {
		began := time.Now()
		notes, err := json.Marshal(everything(&world{Scene: scene.On(b, db)}))
		if err != nil {
			b.Fatal(err)
		}
		years(b, db, 1_100_000, 16_000, 1_000_000)
		b.Logf("the scene took %.0f s", time.Since(began).Seconds())
		return string(notes)
	})
	var ids numbers
	err := json.Unmarshal([]byte(notes), &ids)
	if err != nil {
		b.Fatal(err)
	}
	w := newWalk(b, scene.On(b, db), ids)
	if w.only, err = regexp.Compile(*somePages); err != nil {
		b.Fatal(err)
	}
	w.all(b)
}

// walk is a desk that is looked at page by page.
type walk struct {
	*scene.Scene
	desk    *desk.Desk
	server  *httptest.Server
	clients map[string]*http.Client // one sign-in each, for those are limited
	witness *slowest
	only    *regexp.Regexp
	ids     numbers
	floor   time.Duration
	over    []string
}

func newWalk(b *testing.B, s *scene.Scene, ids numbers) *walk {
	w := &walk{Scene: s, clients: map[string]*http.Client{}, witness: &slowest{}, ids: ids}
	db, err := postgres.OpenTraced(b.Context(), s.DB.Pool().Config().ConnString(), w.witness)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	targets := func(string) []casework.Target {
		return []casework.Target{{Stage: casework.StageAcknowledgement, Priority: casework.High, Within: 4 * time.Hour},
			{Stage: casework.StageDecision, Priority: casework.Standard, Within: 16 * time.Hour}}
	}
	if w.desk, err = desk.New(desk.Config{DB: db, Demo: true, Targets: targets}); err != nil {
		b.Fatal(err)
	}
	w.server = httptest.NewServer(w.desk.Routes())
	b.Cleanup(w.server.Close)
	for _, role := range roles {
		jar, _ := cookiejar.New(nil)
		w.clients[role] = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := w.clients[role].PostForm(w.server.URL+"/sign-in", url.Values{"persona": {"persona:" + role}})
		if err != nil {
			b.Fatal(err)
		}
		answer.Body.Close()
	}
	return w
}

// all asks for every line of the table of routes that can be got, and for the
// forms of the day's work.
func (w *walk) all(b *testing.B) {
	b.Run("floor", func(b *testing.B) {
		w.measure(b, func() time.Duration { return w.get(b, "auditor", "/sign-in") })
		w.floor = w.get(b, "auditor", "/sign-in")
	})
	one := func(sql string) string { return pgtest.One[string](b, w.DB, sql) }
	often := one("select person::text from match group by person order by count(*) desc limit 1")
	more := map[string][]string{
		"GET /matches": {"?band=probable&force=62&due=today", "?priority=urgent", "?state=unsure", "?state=confirmed", "?kind=arrest&force=93",
			"?sort=-found&band=certain", "?sort=certainty", "?sort=-priority&force=61&kind=arrest", "?whose=mine"},
		"GET /team": {"?owner=" + scene.Practitioner},
		"GET /trail": {"?actor=persona:practitioner", "?what=MATCH_TAKEN", "?type=match&subject=77", "?from=2020-01-01&to=2020-02-01",
			"?what=PAGE_VIEW_MATCH&from=2026-01-01", "?type=person&subject=" + often},
		"GET /times":                {"?days=365", "?team=" + scene.Team + "&days=365", "?priority=urgent&days=90"},
		"GET /inspection":           {"?from=" + w.Now.AddDate(-2, 0, 0).Format(time.DateOnly)},
		"GET /matches.csv":          {"?band=certain&force=60", "?state=confirmed"},
		"GET /digest/{code}/{date}": {""},
	}
	// Whoever has much history: their page, their matches and what is to be done about them.
	heavy := map[string]string{
		"/people/{id}":  often,
		"/matches/{id}": one("select max(id)::text from match where person = " + often + " and state = 'open'"),
		"/actions/{id}": one("select max(id)::text from action where person = " + often + " and rule = 'review_incident' and state in ('open', 'acknowledged')"),
	}
	for _, r := range w.desk.Table() {
		method, at, _ := strings.Cut(r.Pattern, " ")
		if method != http.MethodGet || r.Rule.Anyone {
			continue
		}
		plain := w.ids.Replace(r.Pattern, at)
		if strings.Contains(at, "/staff/{code}") {
			plain = strings.Replace(at, "{code}", scene.Practitioner, 1)
		}
		if strings.Contains(plain, "{") {
			b.Errorf("%s: not measured, for want of an example", r.Pattern)
			continue
		}
		paths := []string{plain}
		for _, query := range more[r.Pattern] {
			paths = append(paths, plain+query)
		}
		for thing, id := range heavy {
			if strings.Contains(at, thing) {
				paths = append(paths, strings.Replace(at, "{id}", id, 1))
			}
		}
		for n, path := range paths {
			if !w.only.MatchString(path) {
				continue
			}
			role := w.slowest(b, r, path)
			if role == "" && n == 0 {
				b.Errorf("%s: shown to no role", path)
			}
			if role != "" {
				b.Run(strings.ReplaceAll(role, " ", "-")+path, func(b *testing.B) {
					w.measure(b, func() time.Duration { return w.get(b, role, path) })
				})
			}
		}
	}
	w.forms(b)
	b.Logf("the floor, a page without a query: %.1f ms", w.floor.Seconds()*1000)
	if len(w.over) > 0 {
		b.Logf("over the mark, with p95 and slowest query:\n%s", strings.Join(w.over, "\n"))
	}
}

// slowest is the role for which a page takes longest, none if it shows nobody
// anything.
func (w *walk) slowest(b *testing.B, r desk.Line, path string) (role string) {
	var longest time.Duration
	for _, one := range roles {
		me, err := w.DB.AccountBySubject(b.Context(), "persona:"+one)
		if err != nil {
			b.Fatal(err)
		}
		if !r.Rule.Allows(&me) {
			continue
		}
		w.get(b, one, path)
		if took := w.get(b, one, path); took > longest {
			role, longest = one, took
		}
	}
	return role
}

// get asks for a page once. It takes no time if it shows the role nothing. Of a
// stream it takes the first event, and of a download of thousands of rows, which
// leaves while it is read, the first of them: its queries have the same mark.
func (w *walk) get(b *testing.B, role, path string) time.Duration {
	ctx, enough := context.WithCancel(b.Context())
	defer enough()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	answer, err := w.clients[role].Do(ask)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden, http.StatusConflict, http.StatusSeeOther:
		return 0
	default:
		b.Fatalf("%s as %s: status %d", path, role, answer.StatusCode)
	}
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		if _, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	came := time.Since(began)
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		b.Fatal(err)
	}
	if strings.HasPrefix(path, "/matches.csv") {
		return came
	}
	return time.Since(began)
}

// measure does something thirty times over and says how long it took.
func (w *walk) measure(b *testing.B, do func() time.Duration) {
	const least = 30
	for range 6 { // a statement is planned anew the first five times
		do()
	}
	w.witness.reset()
	var took []time.Duration
	for b.Loop() {
		for range least {
			took = append(took, do())
		}
	}
	w.report(b, took)
}

func (w *walk) report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at95, query := took[len(took)*95/100], w.witness.took
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(at95.Seconds()*1000, "p95-ms")
	b.ReportMetric(query.Seconds()*1000, "query-ms")
	b.ReportMetric(w.witness.most.Seconds()*1000, "query-cpu-ms")
	b.ReportMetric((w.witness.all+own()-w.witness.began).Seconds()*1000/float64(len(took)), "cpu-ms")
	if at95 > pageMark || query > queryMark {
		w.over = append(w.over, fmt.Sprintf("%s: %.0f ms, %.0f ms", b.Name(), at95.Seconds()*1000, query.Seconds()*1000))
		b.Logf("over the mark; its slowest query:\n%s", w.witness.sql)
	}
}

// forms sends what people send most, each about something else every time.
func (w *walk) forms(b *testing.B) {
	const often = 24
	list := func(sql string) []string {
		return append(pgtest.All[string](b, w.DB, sql+fmt.Sprintf(" limit %d", 3*often)), make([]string, 3*often)...)[:3*often]
	}
	open := list(`select a.match::text from waiting a join person p on p.id = a.person
		where a.owner = 'N03SW1' and a.rule = 'acknowledge_match' and a.state = 'open' and not p.restricted and a.match > 1000 order by a.action desc`)
	reviews := list(`select a.id::text from action a join person p on p.id = a.person and not p.restricted -- which a stand-in may not see
		where a.owner = 'N03S0304' and a.owner_role = 'practitioner' and a.rule = 'review_incident' and a.state = 'open' and a.id > 3000 order by a.id desc`)
	decisions := list(`select d.id::text from decision d join action a on a.id = d.action join action c on c.incident = a.incident and c.rule = 'countersign_decision'
		where d.countersign_needed and d.countersigned_at is null and a.pdu = 'N03SW1' order by d.id desc`)
	send := func(name, role, path string, ids []string, form url.Values, seen bool) {
		if !w.only.MatchString("POST-" + name) {
			return
		}
		b.Run("POST-"+name, func(b *testing.B) {
			ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == "" && strings.Contains(path, "{id}/") })
			if len(ids) < 8 {
				b.Fatalf("there are only %d to send it about", len(ids))
			}
			var took []time.Duration
			for n, id := range ids {
				at := strings.Replace(path, "{id}", id, 1)
				if seen { // as the page was that they have before them
					form.Set("seen", w.seen(b, role, "/matches/"+id))
				}
				if n == 6 {
					w.witness.reset()
				}
				began := time.Now()
				answer, err := w.clients[role].PostForm(w.server.URL+at, form)
				if err != nil {
					b.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusSeeOther {
					b.Fatalf("%s: got status %d", at, answer.StatusCode)
				}
				if n >= 6 {
					took = append(took, time.Since(began))
				}
			}
			for b.Loop() { // what is done cannot be done again
			}
			w.report(b, took)
		})
	}
	send("confirm", "administrator", "/matches/{id}/verdict", open[:often], url.Values{"verdict": {"confirm"}}, true)
	send("transfer", "administrator", "/matches/{id}/transfer", open[:often], url.Values{}, false)
	send("dismiss", "administrator", "/matches/{id}/verdict", open[often:2*often], url.Values{"verdict": {"dismiss"}, "reason": {"Another date of birth."}}, true)
	assigned := url.Values{"to": {"persona:second administrator"}, "match": open[2*often:]}
	send("assign", "administrator", "/matches/assign?{id}", open[:often/2], assigned, false)
	send("ask", "practitioner", "/matches/{id}/ask", list(`select min(match)::text from action where owner = 'N03S0304' and owner_role = 'practitioner' and rule = 'review_incident' and state = 'open' and id > 3000
		group by person -- the same is not asked of somebody twice
		order by min(match)`)[:often],
		with(days(w.Now), url.Values{"force": {"62"}, "purpose": {"risk"}, "question": {"Who was there?"}, "justification": {"It is not on file."}}), false)
	send("acknowledge", "practitioner", "/actions/{id}/acknowledge", reviews[:often], url.Values{}, false)
	decided := url.Values{"outcome": {"review_risk"}, "rationale": {"A second incident."}, "risk": {"no"}, "risk_reason": {"As before."}}
	draft := url.Values{"draft": {"1"}, "rationale": {"A second"}}
	send("draft", "practitioner", "/actions/{id}/decision", reviews[:often], draft, false)
	send("decide", "practitioner", "/actions/{id}/decision", reviews[:often], decided, false)
	send("reassign", "manager", "/actions/{id}/reassign", reviews[often:2*often], url.Values{"to": {scene.Stand}}, false)
	send("countersign", "head", "/countersign/{id}", slices.DeleteFunc(decisions[:often], func(id string) bool { return id == "" }), url.Values{"agree": {"yes"}, "note": {"Agreed."}}, false)
	send("sample", "head", "/samples?{id}", make([]string, often), with(days(w.Now), url.Values{"pdu": {scene.Cardiff}, "size": {"20"}, "seed": {"4711"}}), false)
}

// days are the boxes of a period that ended yesterday.
func days(now time.Time) url.Values {
	v := url.Values{}
	for name, at := range map[string]time.Time{"from": now.AddDate(0, -3, 0), "to": now.AddDate(0, 0, -1)} {
		v.Set(name+"-day", fmt.Sprint(at.Day()))
		v.Set(name+"-month", fmt.Sprint(int(at.Month())))
		v.Set(name+"-year", fmt.Sprint(at.Year()))
	}
	return v
}

func with(a, b url.Values) url.Values {
	maps.Copy(a, b)
	return a
}

// seen is what a match's page says of itself.
func (w *walk) seen(b *testing.B, role, path string) string {
	answer, err := w.clients[role].Get(w.server.URL + path)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	return page.Find("input[name=seen]").AttrOr("value", "")
}
