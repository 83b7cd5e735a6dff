package desk_test

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// world is a scene with a desk in it.
type world struct {
	*scene.Scene
	server *httptest.Server
}

func open(t *testing.T, settings ...func(*desk.Config)) *world {
	t.Helper()
	s := scene.New(t)
	config := desk.Config{DB: s.DB, Demo: true}
	for _, set := range settings {
		set(&config)
	}
	d, err := desk.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.Routes())
	t.Cleanup(server.Close)
	return &world{s, server}
}

// user is somebody with a browser.
type user struct {
	*testing.T
	*world
	client *http.Client
}

// visitor has not signed in.
func (w *world) visitor(t *testing.T) *user {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, w, &http.Client{Jar: jar}}
}

// as signs in as one of the scene's people.
func (w *world) as(t *testing.T, who string) *user {
	t.Helper()
	u := w.visitor(t)
	p := u.post("/sign-in", "persona", "persona:"+who)
	p.status(http.StatusOK)
	if p.request != "/" {
		t.Fatalf("signed in as %s: got to %s, want /", who, p.request)
	}
	return u
}

// page is what a browser was answered.
type page struct {
	*testing.T
	*goquery.Document
	code    int
	request string // the path after redirects
	header  http.Header
	user    *user
}

func (u *user) get(path string, header ...string) *page {
	u.Helper()
	r, err := http.NewRequest(http.MethodGet, u.server.URL+path, nil)
	if err != nil {
		u.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return u.do(r)
}

func (u *user) post(path string, fields ...string) *page {
	u.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, u.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		u.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return u.do(r)
}

func (u *user) do(r *http.Request) *page {
	u.Helper()
	answer, err := u.client.Do(r)
	if err != nil {
		u.Fatal(err)
	}
	defer answer.Body.Close()
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		u.Fatal(err)
	}
	return &page{u.T, doc, answer.StatusCode, answer.Request.URL.Path, answer.Header, u}
}

func (p *page) status(want int) *page {
	p.Helper()
	if p.code != want {
		p.Fatalf("%s: got status %d, want %d: %s", p.request, p.code, want, p.Find("h1").Text())
	}
	return p
}

// sees fails unless something at the selector says the text.
func (p *page) sees(selector, text string) *page {
	p.Helper()
	found := p.Find(selector)
	if found.Length() == 0 {
		p.Errorf("%s: nothing at %q", p.request, selector)
	} else if !strings.Contains(squeeze(found.Text()), text) {
		p.Errorf("%s: %q does not say what it should", p.request, selector)
	}
	return p
}

func (p *page) seesNot(selector, text string) *page {
	p.Helper()
	if strings.Contains(squeeze(p.Find(selector).Text()), text) {
		p.Errorf("%s: %q says what it should not", p.request, selector)
	}
	return p
}

func (p *page) count(selector string, want int) *page {
	p.Helper()
	if got := p.Find(selector).Length(); got != want {
		p.Errorf("%s: got %d of %q, want %d", p.request, got, selector, want)
	}
	return p
}

func (p *page) value(selector string) string {
	p.Helper()
	v, ok := p.Find(selector).First().Attr("value")
	if !ok {
		p.Fatalf("%s: no value at %q", p.request, selector)
	}
	return v
}

// submit sends the form at the selector as a browser would: with its hidden
// fields, and these values in place of what it holds.
func (p *page) submit(selector string, fields ...string) *page {
	p.Helper()
	form := p.Find(selector)
	if form.Length() != 1 {
		p.Fatalf("%s: got %d forms at %q, want 1", p.request, form.Length(), selector)
	}
	var all []string
	form.Find("input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		all = append(all, in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	return p.user.post(form.AttrOr("action", p.request), append(all, fields...)...)
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// rows reads one number from the tables.
func (w *world) rows(sql string, args ...any) int {
	w.Helper()
	return pgtest.One[int](w.TB, w.DB, "select count(*)::int from "+sql, args...)
}

func (w *world) read(sql string, args ...any) string {
	w.Helper()
	return pgtest.One[string](w.TB, w.DB, sql, args...)
}

func path(format string, ids ...any) string { return fmt.Sprintf(format, ids...) }
