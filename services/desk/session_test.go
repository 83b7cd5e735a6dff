package desk_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAPersonaCannotSignInOutsideTheDemo(t *testing.T) {
	w := open(t, func(c *desk.Config) { c.Demo = false })
	u := w.visitor(t)
	u.get("/sign-in").status(http.StatusOK).count("input[name=persona]", 0)
	u.post("/sign-in", "persona", "persona:administrator").status(http.StatusNotFound)
	if n := w.rows("session where octet_length(data) > 0"); n != 0 {
		t.Errorf("got %d sessions, want none", n)
	}
}

// Who has a work account signs in with it, in a demo too.
func TestAWorkAccountIsNoPersonaOfADemo(t *testing.T) {
	w := open(t)
	w.read("with it as (insert into account (subject, name) values ('u-42', 'Real Person') returning id) select id::text from it")
	u := w.visitor(t)
	u.get("/sign-in").seesNot("main", "Real Person")
	u.post("/sign-in", "persona", "u-42").status(http.StatusUnprocessableEntity)
	if p := u.get("/matches"); p.request != "/sign-in" {
		t.Errorf("got to %s, want /sign-in", p.request)
	}
}

// Whoever looks at a demo finds somebody whose page is not empty.
func TestADemoOffersWhoHasSomethingToDo(t *testing.T) {
	w := open(t)
	w.read("with it as (insert into account (subject, name, staff, demo) values ('persona:staff:practitioner:x', 'Stan at Work', $1, true) returning id) select id::text from it", scene.Stand)
	w.read("with it as (insert into account_role (account, role, scope) select id, 'practitioner', staff from account where name = 'Stan at Work' returning 1) select count(*)::text from it")
	w.visitor(t).get("/sign-in").seesNot("main", "Stan at Work").sees("input[value='persona:practitioner'] ~ .govuk-hint", "Practitioner, Cardiff")
	w.Match(scene.Report{Person: w.Person(scene.Case{Practitioner: scene.Stand})})
	w.visitor(t).get("/sign-in").sees("main", "Practitioners who have something to do now").sees("input[value='persona:staff:practitioner:x'] ~ label", "Stan at Work")
	u := w.visitor(t)
	u.post("/sign-in", "persona", "persona:staff:practitioner:x")
	u.get("/actions").status(http.StatusOK).count("tr[data-action]", 1)
}

func TestASessionBegunInADemoEndsOutsideIt(t *testing.T) {
	w := open(t)
	u := w.as(t, "administrator")
	real, err := desk.New(desk.Config{DB: w.DB})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Config.Handler = real.Routes()
	if p := u.get("/matches"); p.request != "/sign-in" {
		t.Errorf("got to %s, want /sign-in", p.request)
	}
}

func TestSigningInChangesTheTokenAndSigningOutEndsIt(t *testing.T) {
	w := open(t)
	u := w.visitor(t)
	site, _ := url.Parse(w.server.URL)
	u.client.Jar.SetCookies(site, []*http.Cookie{{Name: "session", Value: "planted"}})
	u.post("/sign-in", "persona", "persona:administrator")
	token := u.client.Jar.Cookies(site)[0].Value
	if token == "planted" {
		t.Error("the token planted before signing in was kept")
	}
	// Nor one that is known here: whoever planted it, having signed in with it, is
	// not signed in as the next.
	known := w.as(t, "practitioner").client.Jar.Cookies(site)[0]
	next, other := w.visitor(t), w.visitor(t)
	next.client.Jar.SetCookies(site, []*http.Cookie{known})
	next.post("/sign-in", "persona", "persona:administrator").status(http.StatusOK)
	other.client.Jar.SetCookies(site, []*http.Cookie{known})
	if p := other.get("/matches"); p.request != "/sign-in" {
		t.Error("the token planted before signing in is signed in")
	}
	if n := w.rows("session where token = $1", token); n != 0 {
		t.Error("the token itself is in the table, not its hash")
	}
	u.post("/sign-out").status(http.StatusOK)
	u.client.Jar.SetCookies(site, []*http.Cookie{{Name: "session", Value: token}})
	if p := u.get("/matches"); p.request != "/sign-in" {
		t.Errorf("the old token still works after signing out")
	}
}

// A page takes its time. Whoever signs out meanwhile, or signs in as somebody
// else, must not be signed in again when it is there.
func TestAPageThatIsOnItsWayBringsBackNoSessionThatHasEnded(t *testing.T) {
	w := open(t)
	sessions := w.DB.Sessions()
	until := time.Now().Add(time.Hour)
	if err := sessions.Commit("a", []byte("somebody"), until); err != nil {
		t.Fatal(err)
	}
	if err := sessions.Delete("a"); err != nil {
		t.Fatal(err)
	}
	if err := sessions.Commit("a", []byte("somebody"), until); err != nil {
		t.Fatal(err)
	}
	if _, found, err := sessions.Find("a"); found || err != nil {
		t.Errorf("a session that has ended is there: %v, %v", found, err)
	}
	// What is left of it is swept out, and nothing else.
	w.read("with it as (update session set expiry = now() - interval '1 second' returning 1) select count(*)::text from it")
	if err := sessions.Commit("b", []byte("somebody"), until); err != nil {
		t.Fatal(err)
	}
	if err := sessions.Delete("c"); err != nil {
		t.Fatal(err)
	}
	if got := w.read("select string_agg(token, ' ') from session"); got != "b" {
		t.Errorf("got the sessions %q, want b", got)
	}
}

func TestWhoSignsInNextIsShownNothingThatWasOpenedToWhoSatThereBefore(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	told := w.Told(w.Ask("practitioner", m.Match, casework.PurposeDisclosure))
	at, reply := path("/matches/%d", m.Match), path("/replies/%d", told)
	u := w.as(t, "practitioner")
	u.get(at+"/addresses").submit("main form", "reason", "safeguarding").sees("main", scene.VictimAddress)
	u.post(reply+"/open", "reason", "safeguarding").count("form[action$=open]", 0)
	u.post("/sign-in", "persona", "persona:manager").status(http.StatusOK) // without signing out
	u.get(at).status(http.StatusOK).sees(".desk-header__who", w.Accounts["manager"].Name).seesNot("body", scene.VictimAddress).sees(".desk-masked", "Masked")
	u.get(reply).status(http.StatusOK).count("form[action$=open]", 1)
	u.post("/sign-in", "persona", "persona:practitioner")
	u.get(at).status(http.StatusOK).seesNot("body", scene.VictimAddress)
}

func TestASessionEndsWhenLeftAloneAndInAnyCase(t *testing.T) {
	for name, set := range map[string]func(*desk.Config){
		"idle":     func(c *desk.Config) { c.Idle = time.Microsecond },
		"lifetime": func(c *desk.Config) { c.Lifetime = time.Microsecond },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, set)
			u := w.visitor(t)
			u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			u.post("/sign-in", "persona", "persona:administrator").status(http.StatusSeeOther)
			if at := u.get("/matches").header.Get("Location"); !strings.HasPrefix(at, "/sign-in?back=") {
				t.Errorf("got %q, want to be asked to sign in", at)
			}
		})
	}
}

func TestWhatWasTypedOutlivesTheSession(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	form := admin.get(path("/matches/%d", m.Match))
	w.read("with gone as (delete from session returning 1) select count(*)::text from gone")
	lost := form.submit("form.desk-verdict", "verdict", "dismiss", "reason", "Another date of birth").status(http.StatusUnauthorized)
	lost.sees("h1", "You have been signed out")
	if got := lost.value("main input[name=reason]"); got != "Another date of birth" {
		t.Error("the reason that was typed is lost")
	}
	if w.rows("judgement") != 0 {
		t.Error("a verdict was recorded without a session")
	}
	admin.post("/sign-in", "persona", "persona:administrator")
	lost.submit("main form").status(http.StatusOK)
	if w.rows("judgement where reason = 'Another date of birth'") != 1 {
		t.Error("sending again after signing in did not record the verdict")
	}
}

func TestAFormFromAnotherSiteIsRefused(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://elsewhere.example"}} {
		r, _ := http.NewRequest(http.MethodPost, w.server.URL+path("/matches/%d/verdict", m.Match), strings.NewReader("verdict=confirm"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header[0], header[1])
		admin.do(r).status(http.StatusForbidden)
	}
}

func TestEveryAnswerTellsTheBrowserWhatItNeverDoes(t *testing.T) {
	w := open(t, func(c *desk.Config) { c.Secure = true })
	u := w.visitor(t)
	for _, at := range []string{"/sign-in", "/nowhere", "/assets/desk.css"} {
		h := u.get(at).header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "'nonce-", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", at, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy allows something unsafe", at)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "Referrer-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", at, name, got, want)
			}
		}
	}
	// No script has the session, nor another site's form, nor another host.
	u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	given := u.post("/sign-in", "persona", "persona:administrator").header.Get("Set-Cookie")
	for _, want := range []string{"__Host-session=", "; Path=/;", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		if !strings.Contains(given, want) {
			t.Errorf("the session's cookie lacks %s", want)
		}
	}
	if strings.Contains(given, "Domain") || strings.Contains(given, "Max-Age") || strings.Contains(given, "Expires") {
		t.Error("the session's cookie is for other hosts, or outlives the browser")
	}
	first, second := u.get("/sign-in").header, u.get("/sign-in").header
	if first.Get("Content-Security-Policy") == second.Get("Content-Security-Policy") {
		t.Error("two answers have the same nonce")
	}
	// What may run says so by the nonce of its answer, and nothing else may.
	page := u.get("/sign-in")
	_, nonce, _ := strings.Cut(page.header.Get("Content-Security-Policy"), "'nonce-")
	nonce, _, _ = strings.Cut(nonce, "'")
	page.count("script", page.Find("script[nonce='"+nonce+"']").Length())
	if page.Find("script").Length() == 0 || page.Find("[onclick], [onload], [style], script:not([nonce])").Length() != 0 {
		t.Error("a page has no script, or one that is not of its answer")
	}
	if first.Get("Cache-Control") != "no-store" {
		t.Error("a page may be cached")
	}
}

func TestSigningInIsLimited(t *testing.T) {
	w := open(t)
	signIn := func(passed string) *page {
		r, err := http.NewRequest(http.MethodPost, w.server.URL+"/sign-in", strings.NewReader("persona=persona:nobody"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-For", passed)
		return w.visitor(t).do(r)
	}
	var last *page
	for n := range 40 {
		last = signIn(path("192.0.2.%d", n)) // as if it were somebody else each time
	}
	last.status(http.StatusTooManyRequests)
	if last.header.Get("Retry-After") == "" {
		t.Error("it does not say when to try again")
	}
	// Behind a proxy of ours everybody has their own limit.
	d, err := desk.New(desk.Config{DB: w.DB, Demo: true, Proxies: access.Proxies{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Config.Handler = d.Routes()
	for n := range 40 {
		last = signIn(path("192.0.2.%d, 198.51.100.7", n))
	}
	last.status(http.StatusTooManyRequests)
	signIn("198.51.100.8").status(http.StatusUnprocessableEntity)
}

func TestALinkBackStaysOnThisSite(t *testing.T) {
	w := open(t)
	u := w.visitor(t)
	u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, back := range []string{"https://elsewhere.example/", "//elsewhere.example", `/\elsewhere.example`, "javascript:alert(1)"} {
		if got := u.get("/language/cy?back=" + url.QueryEscape(back)).header.Get("Location"); got != "/" {
			t.Errorf("back to %q: got %q, want /", back, got)
		}
	}
	if got := u.get("/language/cy?back=" + url.QueryEscape("/matches?band=certain")).header.Get("Location"); got != "/matches?band=certain" {
		t.Errorf("got %q, want the page again", got)
	}
}

func TestWhatNoTextMayHoldIsNotFoundAndBreaksNothing(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	for who, all := range map[string][]string{
		"auditor": {"/trail?actor=%00", "/trail?actor=%ff", "/trail?subject=%zz", "/v1/trail?what=%00"},
		"manager": {"/team?owner=%00", "/staff/%00/cover", "/digest/%ff/2026-01-01", "/times?pdu=%00", "/inspection?pdu=%c0%80"},
	} {
		for _, at := range all {
			w.as(t, who).get(at).status(http.StatusNotFound)
		}
	}
	admin := w.as(t, "administrator")
	for _, after := range []string{"9223372036854775807.1", "-9223372036854775808.1", "1.9223372036854775808", "1.1.1e999", "1.1.NaN"} {
		admin.get("/matches?after=" + after).status(http.StatusOK)
	}
	for body, want := range map[string]int{
		`{"verdict":"confirm","seen":"\u0000"}`:   http.StatusUnprocessableEntity,
		`{"verdict":"confirm","seen":"\\\u0000"}`: http.StatusUnprocessableEntity, // a backslash and a nought
		`{"verdict":"confirm","seen":"\\u0000"}`:  http.StatusConflict,            // six characters, which are another day's
		`{"verdict":"confirm","reason":"x"}{}`:    http.StatusUnprocessableEntity,
		strings.Repeat("[", 100_000):              http.StatusUnprocessableEntity,
	} {
		r, err := http.NewRequest(http.MethodPost, w.server.URL+path("/v1/matches/%d/judgements", m.Match), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		admin.do(r).status(want)
	}
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	r, _ := http.NewRequest(http.MethodPost, w.server.URL+path("/v1/matches/%d/transfer", m.Match), strings.NewReader(`{"contact":"C1\nC2"}`))
	admin.do(r).status(http.StatusUnprocessableEntity)
}
