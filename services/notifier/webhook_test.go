package notifier_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier/webhook"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// machine is somebody's that is told.
type machine struct {
	*httptest.Server
	answer int
	got    []received
}

type received struct {
	header http.Header
	body   []byte
}

func newMachine(t *testing.T) *machine {
	m := &machine{answer: http.StatusOK}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		m.got = append(m.got, received{r.Header, b})
		w.Header().Set("Location", m.URL+"/elsewhere")
		w.WriteHeader(m.answer)
	}))
	t.Cleanup(m.Close)
	return m
}

func TestAWebhookIsToldOnceSignedAndWithoutAName(t *testing.T) {
	o := open(t)
	if err := o.db.HookOutside(); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	worker := webhook.New(o.db, &webhook.Sender{Desk: "https://desk.example"}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	add := func(name string, w casework.Webhook) {
		t.Helper()
		w.Name, w.URL = name, m.URL
		if err := o.db.AddWebhook(t.Context(), w, "secret of "+name, "test"); err != nil {
			t.Fatal(err)
		}
	}
	work := func(id int64, attempt int) error {
		return worker.Work(t.Context(), &river.Job[casework.Hooking]{JobRow: &rivertype.JobRow{Attempt: attempt, MaxAttempts: 18}, Args: casework.Hooking{Delivery: casework.DeliveryID(id)}})
	}
	add("all", casework.Webhook{Private: true})
	add("practitioners", casework.Webhook{Role: casework.Practitioner, Scope: "N03SW1", Private: true})
	add("elsewhere", casework.Webhook{Scope: "WPTNWS", Private: true})
	add("outside", casework.Webhook{Role: casework.Practitioner}) // its name leads to this machine, and may not
	if o.db.AddWebhook(t.Context(), casework.Webhook{Name: "all", URL: m.URL}, "x", "test") == nil {
		t.Error("two webhooks have one name")
	}
	i := o.incident(casework.Incident{Reference: "B1", Persons: []casework.Involvement{{Role: casework.RoleSuspect, Surname: "Canary"}}})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	o.want(pgtest.All[string](t, o.db, `select w.name || ' ' || n.owner_role || ' ' || d.state from webhook_delivery d join webhook w on w.id = d.webhook join notice n on n.id = d.notice order by 1`),
		"all administrator queued", "all practitioner queued", "outside practitioner queued", "practitioners practitioner queued")
	if n := pgtest.One[int](t, o.db, `select count(*) from river_job where kind = 'hooking'`); n != 4 {
		t.Errorf("got %d jobs in the transaction of the cause, want 4", n)
	}
	if n, err := o.db.SilentHooks(t.Context(), time.Now().Add(time.Minute)); err != nil || n != 0 {
		t.Errorf("got %d webhooks that are not told, %v, want none", n, err)
	}
	of := func(name string) int64 {
		return pgtest.One[int64](t, o.db, `select min(d.id) from webhook_delivery d join webhook w on w.id = d.webhook join notice n on n.id = d.notice where w.name = $1 and n.owner_role = 'practitioner'`, name)
	}

	// It fails, also by sending us elsewhere, and is tried again under its number.
	first := of("practitioners")
	for n, answer := range []int{http.StatusInternalServerError, http.StatusFound} {
		if m.answer = answer; work(first, n+1) == nil {
			t.Errorf("an answer of %d was taken for success", answer)
		}
	}
	o.want(pgtest.All[string](t, o.db, `select state || ' ' || attempts from webhook_delivery where id = $1`, first), "queued 2")
	if err := o.db.RotateWebhook(t.Context(), "practitioners", "another secret", time.Now().Add(time.Hour), "test"); err != nil {
		t.Fatal(err)
	}
	m.answer = http.StatusNoContent
	for range 2 { // delivered once, however often its job comes
		if err := work(first, 3); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.got) != 3 || m.got[0].header.Get("Webhook-Id") != m.got[2].header.Get("Webhook-Id") {
		t.Fatalf("got %d requests, want three of one number", len(m.got))
	}
	got := m.got[2]
	var body map[string]any
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	if link, _ := body["link"].(string); body["reference"] != "62/B1" || !strings.HasPrefix(link, "https://desk.example/actions/") || body["kind"] != "raised" {
		t.Errorf("got a body with %d fields that does not say what it should", len(body))
	}
	if strings.Contains(string(got.body), "Canary") {
		t.Error("the body names somebody")
	}
	o.exec(`update person set restricted = true`)
	if restricted, err := o.db.BeginHook(t.Context(), casework.DeliveryID(of("all"))); err != nil || restricted.Reference != "" {
		t.Errorf("a machine is told which incident a restricted case is in, %v", err)
	}
	o.exec(`update person set restricted = false`)
	for _, secret := range []string{"another secret", "secret of practitioners"} {
		if err := webhook.Verify(secret, got.header, got.body, time.Now()); err != nil {
			t.Errorf("the signature: %v", err)
		}
	}
	if webhook.Verify("wrong", got.header, got.body, time.Now()) == nil ||
		webhook.Verify("another secret", got.header, append(got.body, ' '), time.Now()) == nil ||
		webhook.Verify("another secret", got.header, got.body, time.Now().Add(time.Hour)) == nil {
		t.Error("another secret, another body, or an old one passes")
	}

	// Our own network is not for those outside.
	if err := work(of("outside"), 1); err == nil || len(m.got) != 3 {
		t.Errorf("a name that leads to our own network was asked: %v", err)
	}
	// https would be refused at the dial.
	o.exec(`update webhook set url = replace(url, 'http:', 'https:') where name = 'outside'`)
	if err := work(of("outside"), 2); err == nil || !strings.Contains(err.Error(), "our own network") {
		t.Errorf("got %v, want the dial to be refused", err)
	}

	// After days of failing it is told no more, until somebody says so.
	m.answer = http.StatusInternalServerError
	o.exec(`update webhook set failing_since = now() - interval '73 hours' where name = 'all'`)
	if work(of("all"), 4) == nil {
		t.Error("a failure was taken for success")
	}
	hooks, err := o.db.Webhooks(t.Context())
	if err != nil || hooks[0].Name != "all" || hooks[0].DisabledAt.IsZero() {
		t.Errorf("after three days it is not disabled: %v", err)
	}
	requests := len(m.got)
	o.handle(o.found(o.match(o.incident(casework.Incident{Reference: "B2"}), o.person("low"), 1, casework.Certain)))
	if n := pgtest.One[int](t, o.db, `select count(*) from webhook_delivery d join webhook w on w.id = d.webhook where w.name = 'all'`); n != 2 || len(m.got) != requests {
		t.Errorf("one that is disabled has %d messages, want the 2 of before", n)
	}
	if err := o.db.EnableWebhook(t.Context(), "all", "test"); err != nil {
		t.Fatal(err)
	}
	o.exec(`insert into notice (action, owner_role, owner, n, kind) select id, 'head', 'N03SW1', 9, 'escalated' from action limit 1`)
	if n, err := o.db.SilentHooks(t.Context(), time.Now().Add(time.Minute)); err != nil || n != 1 {
		t.Errorf("got %d webhooks that are not told, %v, want the one whose notice no process of ours wrote", n, err)
	}
	if _, err := o.db.SweepHooks(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	o.want(pgtest.All[string](t, o.db, `select n.kind from webhook_delivery d join webhook w on w.id = d.webhook join notice n on n.id = d.notice where w.name = 'all' and d.state = 'queued' and n.kind = 'escalated'`), "escalated")
	if err := o.db.RemoveWebhook(t.Context(), "all", "test"); err != nil {
		t.Fatal(err)
	}
	o.want(pgtest.All[string](t, o.db, `select what from audit where what like 'WEBHOOK%' group by what order by what`),
		"WEBHOOK_ADDED", "WEBHOOK_DISABLED", "WEBHOOK_ENABLED", "WEBHOOK_REMOVED", "WEBHOOK_SECRET_CHANGED")
}

func TestOnlyAddressesOfThePublicInternetAreOutside(t *testing.T) {
	for address, isInside := range map[string]bool{
		"10.1.2.3": true, "172.16.0.1": true, "192.168.1.1": true, "127.0.0.1": true, "169.254.169.254": true, "0.0.0.0": true,
		"100.64.0.1": true, "224.0.0.1": true, "255.255.255.255": true, "::1": true, "fe80::1%eth0": true, "fd00::1": true, "::": true,
		"::ffff:127.0.0.1": true, "64:ff9b::a00:1": true, "2002:7f00:1::": true, "::127.0.0.1": true, "2001::1": true, "ff02::1": true,
		"93.184.216.34": false, "2606:2800:220:1::1": false, "172.32.0.1": false,
	} {
		if got := webhook.Inside(netip.MustParseAddr(address)); got != isInside {
			t.Errorf("%s: got inside %v, want %v", address, got, isInside)
		}
	}
	for address, good := range map[string]bool{
		"https://machine.example/x": true, "http://machine.example": false, "https://user:pass@machine.example": false, "file:///etc": false, "": false,
	} {
		if err := webhook.Check(address, false); (err == nil) != good {
			t.Errorf("%q: got %v", address, err)
		}
	}
}
