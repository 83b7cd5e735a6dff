package feed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// asked is an exchange at which South Wales has been asked about somebody.
func asked(t *testing.T) (*exchange, *scene.Scene, scene.Found, string) {
	t.Helper()
	s := scene.New(t)
	x := &exchange{t: t, db: s.DB, keys: map[string]string{}}
	for _, force := range []string{"61", "62"} {
		key, hash := access.NewForceKey()
		if _, err := x.db.AddForceKey(t.Context(), force, "test", hash, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		x.keys[force] = key
	}
	x.Server = httptest.NewServer(feed.NewServer(feed.Config{Store: x.db, Door: access.ForceDoor{Keys: x.db}}).Routes())
	t.Cleanup(x.Close)
	m := s.Match(scene.Report{Person: s.Person(scene.Case{Name: casework.Name{Forenames: "Huw", Surname: "Holedig"}})})
	return x, s, m, ask(t, s, m, casework.PurposeRisk)
}

// ask has the practitioner ask the force of the incident, and gives the enquiry's number.
func ask(t *testing.T, s *scene.Scene, m scene.Found, purpose casework.Purpose) string {
	t.Helper()
	id, err := s.DB.Ask(t.Context(), postgres.NewEnquiry{Match: m.Match, Force: "62", Purpose: purpose, From: casework.Date{Year: 2026, Month: 1, Day: 5},
		To: casework.Date{Year: 2026, Month: 2, Day: 5}, Question: "Any call-outs?", By: s.Accounts["practitioner"]})
	if err != nil {
		t.Fatal(err)
	}
	return pgtest.One[string](t, s.DB, `select number::text from enquiry where id = $1`, id)
}

// given are the enquiries that a force is given.
func (x *exchange) given(force, query string) []casework.EnquiryOut {
	x.t.Helper()
	var out struct{ Enquiries []casework.EnquiryOut }
	got := x.ask(force, "GET", "/v1/enquiries"+query, nil)
	if got.status != http.StatusOK {
		x.t.Fatalf("got %d %s", got.status, got.body)
	}
	if err := json.Unmarshal(got.body, &out); err != nil {
		x.t.Fatal(err)
	}
	return out.Enquiries
}

func (x *exchange) replies(force, body string, headers ...string) reply {
	x.t.Helper()
	return x.ask(force, "POST", "/v1/replies", strings.NewReader(body), append([]string{"Content-Type", jsonType}, headers...)...)
}

func answerOf(enquiry, text string, revision int, status string) string {
	return fmt.Sprintf(`{"force":"62","reference":"ENQ-1","revision":%d,"status":%q,"kind":"enquiry-reply","enquiry":%q,"answer":"information","text":%q,"repliedAt":"2026-02-06T10:00:00Z"}`,
		revision, status, enquiry, text)
}

func TestAForceFetchesWhatItIsAskedAndAnswersIt(t *testing.T) {
	x, s, m, number := asked(t)
	if got := x.given("61", ""); len(got) != 0 {
		t.Errorf("another force is given %d enquiries", len(got))
	}
	all := x.given("62", "?wait=5") // there is one, so nobody waits
	if len(all) != 1 || all[0].ID != number || all[0].Person["surname"] != "Holedig" || all[0].Incident != m.Reference || all[0].Basis == "" || all[0].Person["address"] != nil {
		t.Fatalf("got %d enquiries, or not as policy has it", len(all))
	}
	if got := x.ask("61", "POST", "/v1/enquiries/"+number+"/taken", nil); got.status != http.StatusNotFound {
		t.Errorf("another force takes it: got %d", got.status)
	}
	for range 2 {
		if got := x.ask("62", "POST", "/v1/enquiries/"+number+"/taken", nil); got.status != http.StatusOK {
			t.Errorf("taking it: got %d", got.status)
		}
	}
	if fresh, taken := x.given("62", ""), x.given("62", "?taken=true"); len(fresh) != 0 || len(taken) != 1 {
		t.Errorf("once taken: got %d and %d", len(fresh), len(taken))
	}

	one := answerOf(number, "Kanaritold", 1, "live")
	if got := x.replies("61", strings.Replace(one, `"62"`, `"61"`, 1)); got.status != http.StatusNotFound || got.Lines[0].Problems[0].Code != "unknown_enquiry" {
		t.Errorf("a force answers what another was asked: got %d", got.status)
	}
	if got := x.replies("61", one); got.status != http.StatusForbidden {
		t.Errorf("another force's record: got %d", got.status)
	}
	answered := func() bool {
		return pgtest.One[bool](t, s.DB, `select answered_at is not null from enquiry where number = $1`, number)
	}
	if answered() {
		t.Error("it counts as answered before it is")
	}
	first := x.replies("62", one, "Idempotency-Key", "k1")
	if first.status != http.StatusCreated || first.Lines[0].Reply == 0 || first.header.Get("Location") != first.Href {
		t.Fatalf("got %d %s", first.status, first.body)
	}
	if again := x.replies("62", one, "Idempotency-Key", "k1"); again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same under its key: got %d", again.status)
	}
	if again := x.replies("62", one); again.status != http.StatusOK || again.Lines[0].Status != casework.LineDuplicate {
		t.Errorf("the same again: got %d", again.status)
	}
	if other := x.replies("62", answerOf(number, "Something else", 1, "live")); other.status != http.StatusConflict {
		t.Errorf("the same revision with other contents: got %d", other.status)
	}
	if got := x.ask("62", "GET", first.Href, nil); got.Accepted != 1 || got.Lines[0].Reply != first.Lines[0].Reply {
		t.Errorf("the receipt: got %s", got.body)
	}
	if !answered() {
		t.Error("it is not answered")
	}
	if got := x.given("62", "?taken=true"); len(got) != 0 {
		t.Errorf("it is given after it was answered: got %d", len(got))
	}
	if x.replies("62", answerOf(number, "Kanaritold", 2, "withdrawn")); answered() {
		t.Error("the reply was taken back, and the enquiry counts as answered")
	}
	if x.replies("62", answerOf(number, "Kanaritold", 3, "live")); !answered() {
		t.Error("a reply after one that was taken back does not answer")
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from reply where newest`); n != 1 {
		t.Errorf("%d revisions are the newest", n)
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from event where subject = 'enquiries.answered'`); n != 3 {
		t.Errorf("got %d events, want one for each revision", n)
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from audit where actor = 'force:62' and what = 'ENQUIRIES_GIVEN'`); n != 2 {
		t.Errorf("what went out is on the trail %d times, want 2", n)
	}
	if r, err := s.DB.Reconcile(t.Context(), time.Now()); err != nil || r.Replies != 3 || r.RepliesUnread != 1 {
		t.Errorf("got %+v, %v", r, err)
	} else {
		for _, f := range r.Wrong {
			if strings.Contains(f.What, "accepted") {
				t.Errorf("%d: %s", f.Count, f.What)
			}
		}
	}
}

func TestTheOutcomeOfADisclosureFindsItsCaseAndHasNoRoomForWords(t *testing.T) {
	x, s, m, number := asked(t)
	outcome := func(reference, about string) string {
		return `{"force":"62","reference":"` + reference + `","revision":1,"status":"live","kind":"disclosure-outcome",` + about +
			`,"outcome":"disclosed","decidedOn":"2026-02-03","decidedBy":"panel"}`
	}
	for body, want := range map[string]string{
		outcome("D-1", `"enquiry":"`+number+`","text":"Kanarivictim was told"`):    "/text not_of_this_kind",
		outcome("D-1", `"victim":{"surname":"Kanarivictim"}`):                      "/enquiry one_of_two",
		outcome("D-1", `"entry":"`+number+`"`):                                     "/entry unknown_entry",
		outcome("D-1", `"entry":"Kanarivictim"`):                                   "/entry bad_id",
		strings.Replace(answerOf(number, "", 1, "live"), "information", "yes", 1):  "/answer unknown_code",
		answerOf(number, "", 1, "live"):                                            "/text missing",
		strings.Replace(answerOf(number, "x", 1, "live"), "10:00:00Z", "10:00", 1): "/repliedAt no_offset",
	} {
		got := x.replies("62", body)
		if len(got.Lines) != 1 || len(got.Lines[0].Problems) == 0 {
			t.Errorf("want %s: got %d %s", want, got.status, got.body)
			continue
		}
		if p := got.Lines[0].Problems[0]; p.Pointer+" "+p.Code != want || strings.Contains(string(got.body), "Kanari") {
			t.Errorf("got %s %s, want %s", p.Pointer, p.Code, want)
		}
	}
	check := x.ask("62", "POST", "/v1/replies/check", strings.NewReader(outcome("D-1", `"enquiry":"`+number+`"`)), "Content-Type", jsonType)
	if check.Accepted != 1 || check.Quality != nil || pgtest.One[int](t, s.DB, `select count(*) from reply`) != 0 {
		t.Errorf("a check: got %s", check.body)
	}
	if got := x.replies("62", outcome("D-1", `"enquiry":"`+number+`","weather":1`)); got.status != http.StatusCreated || got.Dropped["/weather"] != 1 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if got := pgtest.One[casework.MatchID](t, s.DB, `select match from reply`); got != m.Match {
		t.Errorf("routed to match %d, want %d", got, m.Match)
	}
	// Applied for elsewhere: the force names the entry of its list. Nobody has met
	// the person yet, so it waits, and the force learns nothing of that.
	other := s.Person(scene.Case{})
	if _, err := s.DB.SyncWatchList(t.Context(), "62"); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, s.DB, `update register set version = version + 1`)
	if _, err := s.DB.SyncWatchList(t.Context(), "62"); err != nil {
		t.Fatal(err)
	}
	entry := pgtest.One[string](t, s.DB, `select id::text from watch_entry where force = '62' and person = $1`, other)
	if got := x.replies("62", outcome("D-2", `"entry":"`+entry+`"`)); got.status != http.StatusCreated {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if r, err := s.DB.Reconcile(t.Context(), time.Now()); err != nil || r.RepliesUnrouted != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from event where subject = 'disclosures.received'`); n != 2 {
		t.Errorf("got %d events", n)
	}
}

func TestAForceThatSendsFilesAloneAnswersByFile(t *testing.T) {
	x, s, m, number := asked(t)
	taken := make(chan string, 16)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	f := feed.Folder{Dir: dir, Intake: &feed.Intake{Ledger: s.DB}, Replies: &feed.Intake{Ledger: feed.Replies(s.DB)}, Enquiries: s.DB, Group: true,
		Poll: time.Millisecond, Settle: 20 * time.Millisecond, Taken: func(name string) { taken <- name }}
	if err := os.MkdirAll(filepath.Join(dir, "62", "replies"), 0o700); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(stopped); _ = f.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-stopped })
	head := "\ufeffreference,revision,status,kind,enquiry,answer,text,incidents,repliedAt\n"
	row := "E1,1,live,enquiry-reply," + number + `,information,"Two call-outs, ""both"" quiet.",62/18/1; 62/18/2,2026-02-06T14:30:00+00:00` + "\n"
	// What it is asked is laid out as the API gives it, and lies there until it says
	// that it has it. Whose person becomes restricted goes out with identifiers alone.
	asks := filepath.Join(dir, "62", "enquiries")
	if err := os.Mkdir(asks, 0o700); err != nil {
		t.Fatal(err)
	}
	drop(t, filepath.Join(asks, "."+number+".json.half"), "left by a crash")
	laid := func() (e casework.EnquiryOut) {
		t.Helper()
		for name := ""; name != number+".json"; name = await(t, taken) {
		}
		text, err := os.ReadFile(filepath.Join(asks, number+".json"))
		if err != nil || json.Unmarshal(text, &e) != nil {
			t.Fatalf("the enquiry cannot be read: %v", err)
		}
		if at, err := os.Stat(filepath.Join(asks, number+".json")); err != nil || at.Mode() != 0o640 {
			t.Errorf("the enquiry is for %v, want the folder's group beside its owner", at.Mode())
		}
		return e
	}
	if diff := cmp.Diff(x.given("62", "")[0], laid()); diff != "" {
		t.Error("the file is not what the API gives")
	}
	pgtest.Exec(t, s.DB, `update person set restricted = true where id = (select person from match where id = $1)`, m.Match)
	if e := laid(); e.Person["surname"] != nil || len(e.Person) == 0 {
		t.Error("of somebody restricted more is told than identifiers")
	}
	pgtest.Exec(t, s.DB, `update person set restricted = false where id = (select person from match where id = $1)`, m.Match)
	laid()
	unknown := strings.Replace(number, number[:8], "00000000", 1)
	for _, one := range []string{unknown, number} {
		drop(t, filepath.Join(asks, one+".taken"), "")
		if got := await(t, taken); got != one+".taken" {
			t.Errorf("dealt with %s", got)
		}
	}
	if got := await(t, taken); got != number+".json" {
		t.Errorf("took away %s", got)
	}
	if left, err := os.ReadDir(asks); err != nil || len(left) != 1 || left[0].Name() != unknown+".unknown" {
		t.Errorf("%d files are left, %v; want the word for an enquiry that is none", len(left), err)
	}
	if n := pgtest.One[string](t, s.DB, `
		select count(*) filter (where what = 'ENQUIRIES_GIVEN' and details->>'channel' = 'file') || ' ' || count(*) filter (where what = 'ENQUIRY_TAKEN')
		  from audit
		 where actor = 'force:62'`); n != "3 1" {
		t.Errorf("what went out and was taken is on the trail %s times", n)
	}

	for range 2 { // again changes nothing
		drop(t, filepath.Join(dir, "62", "replies", "replies.csv"), head+row+"E2,one\n")
		if got := <-taken; got != "replies.csv" {
			t.Fatalf("took %s", got)
		}
	}
	if got := pgtest.One[string](t, s.DB, `select count(*) || ' ' || min(b ->> 'text') || ' ' || min(b ->> 'incidents') from reply, lateral (select convert_from(body, 'utf8')::jsonb as b) x where reference = 'E1'`); got != `1 Two call-outs, "both" quiet. ["62/18/1", "62/18/2"]` {
		t.Error("the reply is not what the file says")
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from enquiry where answered_at is not null`); n != 1 {
		t.Errorf("%d enquiries are answered, want 1", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "62", "replies", "done", "replies.csv.rejects.csv")); err != nil {
		t.Error("what was rejected is not beside the file")
	}
}
