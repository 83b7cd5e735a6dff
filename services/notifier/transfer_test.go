package notifier_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier/transfer"
	"github.com/reportable-incidents/reportable/test/caserecord"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// record is an office whose case record is a server beside it.
type record struct {
	*office
	far     *caserecord.Server
	worker  *transfer.Worker
	reached int
}

func withRecord(t *testing.T) *record {
	o := open(t)
	far, err := caserecord.Open(t.TempDir() + "/held.json")
	if err != nil {
		t.Fatal(err)
	}
	far.Token = "letmein"
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	token := t.TempDir() + "/token"
	write(t, token, "letmein\n")
	client, err := transfer.New(transfer.Config{URL: server.URL, TokenFile: token, Patience: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.db.TransferOutside(); err != nil {
		t.Fatal(err)
	}
	r := &record{office: o, far: far}
	r.worker = &transfer.Worker{Store: o.db, Client: client, Metrics: transfer.NewMetrics(prometheus.NewRegistry()),
		Log: slog.New(slog.DiscardHandler), Observe: func(ms ...casework.Milestone) { r.reached += len(ms) }}
	return r
}

// confirmed is a match that an administrator confirmed, with its actions.
func (r *record) confirmed(ref string) casework.MatchID {
	r.Helper()
	i := r.incident(casework.Incident{Reference: ref, DomesticAbuse: true, Persons: []casework.Involvement{
		{Role: casework.RoleSuspect, Surname: "Canary"}, {Role: casework.RoleVictim, Surname: "Other", Address: "1 Secret Street"}}})
	m := r.match(i, r.person("low"), 1, casework.Certain)
	r.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	r.handle(r.found(m))
	return casework.MatchID(m)
}

func (r *record) work(m casework.MatchID, attempt int) error {
	r.Helper()
	return r.worker.Work(r.Context(), &river.Job[casework.Transferring]{
		JobRow: &rivertype.JobRow{Attempt: attempt, MaxAttempts: 20}, Args: casework.Transferring{Match: m}})
}

func (r *record) state(m casework.MatchID) string {
	r.Helper()
	return pgtest.One[string](r.T, r.db, `select state || ' ' || attempts || ' ' || contact || ' ' || finding from transfer where match = $1`, m)
}

func (r *record) is(what string, got, want any) {
	r.Helper()
	if got != want {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// One database for all of it: each part goes on with what the one before left.
func TestAConfirmedMatchIsOnTheCaseRecordOnceWhateverGoesWrong(t *testing.T) {
	r := withRecord(t)
	jobs := func(m casework.MatchID) int {
		return pgtest.One[int](t, r.db, `select count(*) from river_job where kind = 'transferring' and (args ->> 'match')::bigint = $1`, m)
	}
	action := func(m casework.MatchID, rule string) string {
		return pgtest.One[string](t, r.db, `select state from action where match = $1 and rule = $2`, m, rule)
	}

	// The far end is away, then silent, then takes it and the answer is lost.
	first := r.confirmed("B1")
	r.is("jobs in the transaction of the confirmation", jobs(first), 1)
	r.far.Fail(caserecord.Down, caserecord.Silent, caserecord.Lost)
	for attempt := range 3 {
		if r.work(first, attempt+1) == nil {
			t.Errorf("try %d: a failure was taken for success", attempt+1)
		}
	}
	r.is("after three tries", r.state(first), "queued 3  ")
	if err := r.work(first, 4); err != nil { // 409: it is there already
		t.Fatal(err)
	}
	r.is("after the fourth", r.state(first), "sent 4 C0000001 ")
	r.is("contacts at the far end", len(r.far.Held()), 1)
	r.is("the administrator's action", action(first, "transfer_match"), "done")
	r.is("milestones", r.reached, 1)
	r.is("number on the match", pgtest.One[string](t, r.db, `select contact from match where id = $1`, first), "C0000001")
	if err := r.work(first, 1); err != nil || len(r.far.Held()) != 1 {
		t.Errorf("done again: %d contacts, %v", len(r.far.Held()), err)
	}

	// Revised, it says what the newest revision says, under the same key and number.
	was := r.far.Held()[0]
	revised := casework.Incident{Reference: "B1", Revision: 2, DomesticAbuse: true, ChildrenPresent: true, Persons: []casework.Involvement{
		{Role: casework.RoleSuspect, Surname: "Canary"}, {Role: casework.RoleVictim, Surname: "Other", Address: "1 Secret Street"}}}
	r.incident(revised)
	r.exec(`update match set revision = 2 where id = $1`, first)
	r.handle(r.found(int64(first)))
	r.far.Fail(caserecord.Lost, caserecord.Lost) // the far end changed it, and nobody heard
	tries := 1
	for r.work(first, tries) != nil && tries < 4 {
		tries++
	}
	now := r.far.Held()
	r.is("contacts after a revision", len(now), 1)
	notes, _ := now[0].Fields["notes"].(string)
	if now[0].Number != was.Number || now[0].Key != was.Key || !strings.Contains(notes, "revision 2") || strings.Contains(notes, "Secret") {
		t.Errorf("the contact %s under its key does not say the second revision", now[0].Number)
	}
	if tries == 1 || tries == 4 {
		t.Errorf("got %d tries, want the lost answers to be asked for again", tries)
	}
	r.is("after the revision", r.state(first), fmt.Sprintf("sent %d C0000001 ", tries))
	r.is("milestones", r.reached, 1)
	r.is("what the trail says", pgtest.One[int](t, r.db, `select count(*) from audit where what = 'CONTACT_UPDATED' and details ->> 'revision' = '2'`), 1)
	r.exec(`update transfer set revision = 1 where match = $1`, first) // a revision that no nudge told of
	if n, err := r.db.SweepTransfers(t.Context(), time.Now()); err != nil || n == 0 {
		t.Errorf("the sweep found %d, %v", n, err)
	}
	if err := r.work(first, 1); err != nil {
		t.Fatal(err)
	}

	// Retracted, it goes again; and so it does if it was never heard to arrive.
	lost := r.confirmed("B2")
	r.far.Fail(caserecord.Lost, caserecord.Lost) // a kept connection is tried once more by itself
	if r.work(lost, 1) == nil {
		t.Error("a lost answer was taken for success")
	}
	for _, m := range []casework.MatchID{first, lost} {
		r.judge(int64(m), casework.MatchRetracted, casework.VerdictRetract)
		r.handle(r.found(int64(m)))
		if err := r.work(m, 1); err != nil {
			t.Fatal(err)
		}
	}
	r.is("contacts after both were retracted", len(r.far.Held()), 0)
	r.is("the withdrawal", action(first, "withdraw_contact"), "done")

	// Refused for good, it is the administrators'; they try again, or do it by hand.
	refused := r.confirmed("B3")
	r.far.Fail(caserecord.Refused)
	if r.work(refused, 1) == nil {
		t.Error("a refusal was taken for success")
	}
	r.is("a refusal", r.state(refused), "failed 1  ")
	r.is("the action", action(refused, "transfer_match"), "open")
	r.is("notices of it", pgtest.One[int](t, r.db, `select count(*) from notice where kind = 'transfer_failed' and owner_role = 'administrator'`), 1)
	admin := casework.Account{Subject: "a", Name: "x", Grants: []casework.Grant{{Role: casework.Administrator, Scope: "N03SW1"}}}
	accounts := []casework.Account{admin}
	if err := r.db.SaveAccounts(t.Context(), accounts); err != nil {
		t.Fatal(err)
	}
	listed, err := r.db.Transfers(t.Context(), accounts[0].ID, 10)
	if err != nil || len(listed) != 1 || listed[0].Match != refused {
		t.Errorf("the administrator sees %d transfers, %v", len(listed), err)
	}
	if err := r.db.RetryTransfer(t.Context(), accounts[0], refused, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.work(refused, 1); err != nil {
		t.Fatal(err)
	}
	r.is("tried again", r.state(refused), "sent 1 C0000003 ")

	// What was confirmed before anything was transferred is found by the sweep.
	old := r.confirmed("B4")
	r.exec(`delete from transfer where match = $1`, old)
	r.exec(`delete from river_job`)
	if n, err := r.db.SweepTransfers(t.Context(), time.Now().AddDate(1, 0, 0)); err != nil || n == 0 {
		t.Errorf("the sweep found %d, %v", n, err)
	}
	r.is("jobs after the sweep", jobs(old), 1)
	if err := r.work(old, 1); err != nil {
		t.Fatal(err)
	}

	r.reconciles(refused, old)
}

// reconciles: what the far end holds is asked, not assumed.
func (r *record) reconciles(kept, lost casework.MatchID) {
	reconcile := func() casework.TransferFindings {
		r.Helper()
		reconciler := &transfer.Reconciler{Store: r.db, Client: r.worker.Client, Metrics: r.worker.Metrics, Log: r.worker.Log}
		if err := reconciler.Work(r.Context(), nil); err != nil {
			r.Fatal(err)
		}
		f, err := r.db.TransferFindings(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		return f
	}
	r.far.Page = 1 // so that the list has to go on
	f := reconcile()
	if f.Wrong() != 0 || f.Held != 2 {
		r.Fatalf("got %+v, want two contacts and nothing wrong", f)
	}
	r.far.Change(func(all []caserecord.Contact) []caserecord.Contact {
		all[0].Fields["sensitive"] = false // somebody opened it to the person
		all[1].Key, all[1].Number = "nobody's", "C0000009"
		all[1].Fields["key"] = "nobody's"
		return all
	})
	f = reconcile()
	if f.Missing != 1 || f.Different != 1 || f.Extra != 1 {
		r.Fatalf("got %d missing, %d different, %d extra, want one of each", f.Missing, f.Different, f.Extra)
	}
	r.is("the changed one", r.state(kept), "sent 1 C0000003 different")
	r.is("the lost one", r.state(lost), "sent 1 C0000004 missing")
	accounts := []casework.Account{{Subject: "a", Name: "x", Grants: []casework.Grant{{Role: casework.Administrator, Scope: "N03SW1"}}}}
	if err := r.db.SaveAccounts(r.Context(), accounts); err != nil {
		r.Fatal(err)
	}
	if err := r.db.RetryTransfer(r.Context(), accounts[0], lost, ""); err != nil {
		r.Fatal(err)
	}
	if err := r.work(lost, 1); err != nil {
		r.Fatal(err)
	}
	r.far.Change(func(all []caserecord.Contact) []caserecord.Contact {
		all[0].Fields["sensitive"] = true
		return append(all[:1], all[2:]...)
	})
	f = reconcile()
	if f.Wrong() != 0 {
		r.Errorf("mended: got %+v", f)
	}
}

func TestACaseRecordIsSpokenToWithTokensThatEndAndAreTakenBack(t *testing.T) {
	far, err := caserecord.Open("")
	if err != nil {
		t.Fatal(err)
	}
	far.Client, far.Secret, far.TokenFor = "us", "a secret", time.Hour
	server := httptest.NewServer(far)
	defer server.Close()
	as := func(secret string) *transfer.Client {
		c, err := transfer.New(transfer.Config{URL: server.URL, TokenURL: server.URL + "/token", ID: "us", Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	put := func(c *transfer.Client, key string) error {
		_, err := c.Put(t.Context(), casework.Contact{Key: key, Type: casework.PoliceLiaison, CRN: "X1"})
		return err
	}
	tokens := func(want int, when string) {
		t.Helper()
		if got := far.Given(); got != want {
			t.Errorf("%s: got %d tokens, want %d", when, got, want)
		}
	}
	if err := put(as("wrong"), "k0"); err == nil || !strings.Contains(err.Error(), "answered 401") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong secret: got %v", err)
	}
	c := as("a secret")
	for _, key := range []string{"k1", "k2"} {
		if err := put(c, key); err != nil {
			t.Fatal(err)
		}
	}
	tokens(1, "two requests")
	far.Revoke()
	if err := put(c, "k3"); err != nil {
		t.Errorf("after the token was taken back: %v", err)
	}
	tokens(2, "taken back")
	// So short that it is over before it is used: each request gets its own.
	far.TokenFor = time.Second
	far.Revoke()
	for _, key := range []string{"k4", "k5"} {
		if err := put(c, key); err != nil {
			t.Errorf("with tokens that end: %v", err)
		}
	}
	tokens(4, "ended")
	far.Secret = "another" // and with it our tokens
	far.Revoke()
	if put(c, "k6") == nil {
		t.Error("what was refused twice was taken for success")
	}
	if got := len(far.Held()); got != 5 {
		t.Errorf("got %d contacts, want 5", got)
	}
}

func TestOnlyASafeAddressOfTheCaseRecordIsTaken(t *testing.T) {
	for address, good := range map[string]bool{
		"https://cases.example/api": true, "http://127.0.0.1:9": true,
		"http://cases.example": false, "cases.example": false, "": false, "ftp://cases.example": false,
	} {
		if _, err := transfer.New(transfer.Config{URL: address}); (err == nil) != good {
			t.Errorf("%q: got %v", address, err)
		}
		if address == "" {
			continue // a file's token, then
		}
		if _, err := transfer.New(transfer.Config{URL: "https://cases.example", TokenURL: address, ID: "us", Secret: "s"}); (err == nil) != good {
			t.Errorf("tokens from %q: got %v", address, err)
		}
	}
}
