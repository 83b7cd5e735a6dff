package desk_test

import (
	"cmp"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// idp is a small identity provider: it believes whoever asks, and says of them
// what the test has it say.
type idp struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	kid    string
	alg    string // how a token is signed, if not as it should be
	claims map[string]any
	// what came with the question
	challenge, nonce string
	spoil            func(claims map[string]any)
}

func newIDP(t *testing.T) *idp {
	p := &idp{t: t}
	p.rotate("first")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "end_session_endpoint": p.URL + "/end?by=desk",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": p.kid,
			"n": b64(p.key.N.Bytes()), "e": b64(big.NewInt(int64(p.key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p.challenge, p.nonce = q.Get("code_challenge"), q.Get("nonce")
		if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
			t.Error("the question is not the code flow with PKCE")
		}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"the code"}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if b64(sum[:]) != p.challenge || r.PostFormValue("code") != "the code" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token()})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (p *idp) rotate(kid string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.key, p.kid = key, kid
}

func (p *idp) token() string {
	claims := map[string]any{"iss": p.URL, "aud": "desk", "sub": "u-42", "nonce": p.nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for k, v := range p.claims {
		claims[k] = v
	}
	if p.spoil != nil {
		p.spoil(claims)
	}
	head, _ := json.Marshal(map[string]string{"alg": cmp.Or(p.alg, "RS256"), "kid": p.kid})
	body, _ := json.Marshal(claims)
	signed := b64(head) + "." + b64(body)
	switch p.alg {
	case "none":
		return signed + "."
	case "HS256": // with what everybody knows as the secret
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&p.key.PublicKey)}))
		mac.Write([]byte(signed))
		return signed + "." + b64(mac.Sum(nil))
	}
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

// withProvider opens a desk whose people sign in with the provider.
func withProvider(t *testing.T) (*world, *idp) {
	p := newIDP(t)
	claims, err := access.ReadClaims(strings.NewReader(`{"roles": "authorities", "staff": "staff", "grants": [
		{"value": "ROLE_REPORTABLE__MATCHES__RW", "role": "administrator", "scope": "pdus"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var site string
	w := open(t, func(c *desk.Config) { c.Demo = false })
	site = w.server.URL
	d, err := desk.New(desk.Config{DB: w.DB, Provider: &desk.Provider{Issuer: p.URL, ClientID: "desk", ClientSecret: "s", Redirect: site + "/sign-in/callback", Claims: claims, Audience: "desk-api"}})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Config.Handler = d.Routes()
	p.claims = map[string]any{"name": "Real Person", "authorities": []string{"ROLE_REPORTABLE__MATCHES__RW"}, "pdus": []string{scene.Cardiff}}
	return w, p
}

func TestSomebodySignsInWithTheirWorkAccount(t *testing.T) {
	w, p := withProvider(t)
	w.Match(scene.Report{Person: w.Person(scene.Case{})})
	p.claims["iat"] = time.Now().Add(-time.Second).Unix()
	u := w.visitor(t)
	u.get("/sign-in?back=/matches").sees("main", "Sign in with your work account").count("input[name=persona]", 0)
	page := u.get("/sign-in/provider?back=/matches").status(http.StatusOK)
	if page.request != "/matches" {
		t.Fatalf("got to %s, want the page that was asked for", page.request)
	}
	page.sees(".desk-header__who", "Real Person").count("tr[data-match]", 1)
	// Who signs out is told that the browser is still signed in over there.
	out := u.post("/sign-out").status(http.StatusOK).sees(".desk-out", "You have signed out")
	ends, err := url.Parse(out.Find(".desk-out a").AttrOr("href", ""))
	if err != nil || !strings.HasPrefix(ends.String(), p.URL+"/end?") || ends.Query().Get("client_id") != "desk" ||
		ends.Query().Get("by") != "desk" || ends.Query().Get("post_logout_redirect_uri") != w.server.URL+"/sign-in" {
		t.Errorf("got %v, want where the provider ends its session", ends)
	}
	u.get("/sign-in").count(".desk-out", 0)
	// The next sign-in follows the claims of that day, under the provider's next key.
	p.claims["pdus"] = []string{scene.Gwent}
	delete(p.claims, "iat")
	p.rotate("second")
	w.visitor(t).get("/sign-in/provider?back=/matches").status(http.StatusOK).count("tr[data-match]", 0)
	if got := w.rows("account where subject = 'u-42'"); got != 1 {
		t.Errorf("got %d accounts, want one", got)
	}
}

func TestAnUnsoundAnswerSignsNobodyIn(t *testing.T) {
	w, p := withProvider(t)
	for what, spoil := range map[string]func(map[string]any){
		"another nonce":    func(c map[string]any) { c["nonce"] = "x" },
		"another audience": func(c map[string]any) { c["aud"] = "elsewhere" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://elsewhere.example" },
		"an old token":     func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"a persona":        func(c map[string]any) { c["sub"] = "persona:auditor" },
		"another party":    func(c map[string]any) { c["azp"] = "elsewhere" },
		"many parties":     func(c map[string]any) { c["aud"] = []string{"desk", "elsewhere"} },
		"no signature":     func(map[string]any) { p.alg = "none" },
		"a public secret":  func(map[string]any) { p.alg = "HS256" },
	} {
		p.spoil, p.alg = spoil, ""
		u := w.visitor(t)
		page := u.get("/sign-in/provider").status(http.StatusForbidden).sees("h1", "You could not be signed in")
		if page.Find(".desk-header__who").Length() != 0 || u.get("/matches").request != "/sign-in" {
			t.Errorf("%s: somebody is signed in", what)
		}
	}
	p.spoil, p.alg = func(c map[string]any) { c["aud"], c["azp"] = []string{"desk", "elsewhere"}, "desk" }, ""
	w.visitor(t).get("/sign-in/provider").status(http.StatusOK)
	p.spoil = nil
	u := w.visitor(t)
	u.get("/sign-in/callback?code=the+code&state=made+up").status(http.StatusForbidden)
	// Nor the answer to somebody else's question, while one of their own is open.
	u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	asked, err := http.NewRequest(http.MethodGet, u.get("/sign-in/provider").status(http.StatusSeeOther).header.Get("Location"), nil)
	if err != nil {
		t.Fatal(err)
	}
	u.do(asked).status(http.StatusSeeOther) // the provider would honour the code
	u.get("/sign-in/callback?code=the+code&state=made+up").status(http.StatusForbidden)
	if at := u.get("/matches").header.Get("Location"); !strings.HasPrefix(at, "/sign-in") {
		t.Errorf("got to %q, want to be asked to sign in", at)
	}
	pgDisable(w)
	w.visitor(t).get("/sign-in/provider").status(http.StatusForbidden)
}

// pgDisable disables the account that the provider's person has.
func pgDisable(w *world) {
	w.Helper()
	w.read("with it as (insert into account (subject, name, disabled_at) values ('u-42', 'x', now()) on conflict (subject) do update set disabled_at = now() returning 1) select count(*)::text from it")
}

func TestAProgramSendsAnAccessTokenOfTheProvider(t *testing.T) {
	w, p := withProvider(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	p.claims["iat"] = time.Now().Add(-time.Minute).Unix()
	u := w.visitor(t)
	as := func(spoil func(map[string]any), at string) *page {
		p.spoil = func(c map[string]any) {
			c["aud"] = "desk-api"
			if spoil != nil {
				spoil(c)
			}
		}
		return u.get(at, "Authorization", "Bearer "+p.token())
	}
	as(nil, path("/v1/matches/%d", m.Match)).status(http.StatusOK)
	as(nil, "/v1/actions").status(http.StatusOK)
	as(nil, "/v1/trail").status(http.StatusForbidden)
	if w.rows("audit where what = 'API_READ_MATCH' and actor = 'u-42'") != 1 {
		t.Error("the trail does not name whom the token is about")
	}
	for what, spoil := range map[string]func(map[string]any){
		"the desk's own audience": func(c map[string]any) { c["aud"] = "desk" },
		"another issuer":          func(c map[string]any) { c["iss"] = "https://elsewhere.example" },
		"an old token":            func(c map[string]any) { c["exp"] = time.Now().Add(-time.Hour).Unix() },
		"a persona":               func(c map[string]any) { c["sub"] = "persona:auditor" },
		"a token from the future": func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() },
	} {
		if got := as(spoil, "/v1/me"); got.code != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: got status %d, want 401", what, got.code)
		}
	}
	if got := as(nil, "/matches"); got.request != "/sign-in" {
		t.Errorf("a token opens a page: got to %s", got.request)
	}
	// Its claims of today decide, under the key of today.
	p.claims["pdus"], p.claims["iat"] = []string{scene.Gwent}, time.Now().Add(-time.Second).Unix()
	p.rotate("second")
	as(nil, path("/v1/matches/%d", m.Match)).status(http.StatusNotFound)
	// What an older token says, though it is valid still, is over.
	before := func(c map[string]any) {
		c["pdus"], c["iat"] = []string{scene.Cardiff}, time.Now().Add(-time.Hour).Unix()
	}
	as(before, path("/v1/matches/%d", m.Match)).status(http.StatusNotFound)
	as(func(c map[string]any) { before(c); delete(c, "iat") }, path("/v1/matches/%d", m.Match)).status(http.StatusNotFound)
	as(nil, path("/v1/matches/%d", m.Match)).status(http.StatusNotFound)
	if got := w.read("select string_agg(scope, ' ') from account_role r join account a on a.id = r.account where a.subject = 'u-42'"); got != scene.Gwent {
		t.Errorf("an older token rewrote the grants to %s", got)
	}
	// Of two of one second nobody knows which came first: neither gives back what
	// the other took away, and one of the next second does.
	first := time.Now().Unix() - 60
	one := func(second int64, want int, pdus ...string) {
		t.Helper()
		as(func(c map[string]any) { c["sub"], c["iat"], c["pdus"] = "u-7", first+second, pdus }, path("/v1/matches/%d", m.Match)).status(want)
	}
	one(0, http.StatusOK, scene.Cardiff, scene.Gwent)
	one(0, http.StatusNotFound, scene.Gwent)
	one(0, http.StatusNotFound, scene.Cardiff, scene.Gwent)
	one(0, http.StatusForbidden, scene.Cardiff)
	one(0, http.StatusForbidden, scene.Cardiff, scene.Gwent)
	one(1, http.StatusOK, scene.Cardiff)
	pgDisable(w)
	as(nil, "/v1/me").status(http.StatusUnauthorized)
	u.get("/v1/me", "Authorization", "Bearer x.y.z").status(http.StatusUnauthorized)
}

func TestWhatATokenOpensWithAReasonIsOpenToItForAQuarterOfAnHour(t *testing.T) {
	w, p := withProvider(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	at := path("/v1/matches/%d", m.Match)
	ask := func(subject, method, path, body string) (string, int) {
		p.spoil = func(c map[string]any) { c["aud"], c["sub"] = "desk-api", subject }
		r, err := http.NewRequest(method, w.server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+p.token())
		answer, err := http.DefaultClient.Do(r) // keeps no cookies
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(said), answer.StatusCode
	}
	sees := func(subject string) bool {
		said, code := ask(subject, http.MethodGet, at, "")
		if code != http.StatusOK {
			t.Fatalf("got status %d, want the match", code)
		}
		return strings.Contains(said, scene.VictimAddress)
	}
	if sees("u-42") {
		t.Error("an address is shown before anybody gave a reason")
	}
	if _, code := ask("u-42", http.MethodPost, at+"/addresses", `{"reason":"curiosity"}`); code != http.StatusUnprocessableEntity {
		t.Errorf("got status %d for no reason of ours, want 422", code)
	}
	if said, code := ask("u-42", http.MethodPost, at+"/addresses", `{"reason":"safeguarding"}`); code != http.StatusOK || !strings.Contains(said, scene.VictimAddress) {
		t.Errorf("got status %d with a reason, want the address", code)
	}
	if !sees("u-42") || sees("u-43") {
		t.Error("it is open to whoever gave the reason, and to nobody else")
	}
	pgtest.Exec(t, w.DB, "alter table audit disable trigger all")
	pgtest.Exec(t, w.DB, "update audit set at = at - interval '16 minutes' where what = 'ADDRESSES_OPENED'")
	if sees("u-42") {
		t.Error("it is open after a quarter of an hour")
	}
}

func TestWrongAccessTokensAreSlowedDownAndARightOneIsLetIn(t *testing.T) {
	w, p := withProvider(t)
	u := w.visitor(t)
	p.spoil = func(c map[string]any) { c["aud"] = "desk-api" }
	right := p.token()
	wrong := func() *page { return u.get("/v1/me", "Authorization", "Bearer x.y.z") }
	asked := 0
	for ; asked < 100 && wrong().code == http.StatusUnauthorized; asked++ {
	}
	if asked < 10 || asked == 100 {
		t.Fatalf("%d wrong tokens were looked at, want some and an end to it", asked)
	}
	if got := wrong().status(http.StatusTooManyRequests); got.header.Get("Retry-After") == "" || got.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
		t.Error("whoever has to wait is not told for how long")
	}
	u.get("/v1/me", "Authorization", "Bearer "+right).status(http.StatusOK)
	wrong().status(http.StatusTooManyRequests)
}

func TestAProviderThatIsAwayIsAskedNowAndThenAndNotByEverybody(t *testing.T) {
	asked, away := 0, true
	w, p := withProvider(t)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; away {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": "http://" + r.Host, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys"})
	}))
	defer proxy.Close()
	now := time.Now()
	d, err := desk.New(desk.Config{DB: w.DB, Now: func() time.Time { return now }, Provider: &desk.Provider{Issuer: proxy.URL, ClientID: "desk", Redirect: w.server.URL + "/sign-in/callback"}})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Config.Handler = d.Routes()
	u := w.visitor(t)
	for range 3 {
		u.get("/sign-in?out=1").status(http.StatusOK)
		u.get("/sign-in/provider").status(http.StatusServiceUnavailable)
	}
	if asked != 1 {
		t.Errorf("it was asked %d times in a moment, want once", asked)
	}
	away, now = false, now.Add(4*time.Second)
	u.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	last := u.get("/sign-in/provider").status(http.StatusSeeOther)
	for range 40 {
		last = u.get("/sign-in/provider")
	}
	last.status(http.StatusTooManyRequests)
}

func TestADeskWithoutAProviderHasNoSuchPage(t *testing.T) {
	w := open(t)
	w.visitor(t).get("/sign-in/provider").status(http.StatusNotFound)
}
