package desk

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/telemetry"
)

// route is one line of the table of routes.
type route struct {
	pattern string // method and path
	rule    access.Rule
	handle  func(*visit) error
	// view is the audit record of a page that shows personal data; empty for
	// pages that show none, and for changes, which write their own.
	view string
}

// visit is one request by one person, on its way to a page.
type visit struct {
	*Desk
	*http.Request
	w     http.ResponseWriter
	route route
	me    casework.Account // zero on public pages
	token bool             // signed in by an access token, so that no session remembers anything
	lang  string
	now   time.Time
	// about is whom or what the page shows, for the trail.
	about postgres.Audit
}

// serve puts a visit's way into one order: who are you, may you, do, and what
// to say if it went wrong.
func (d *Desk) serve(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		telemetry.Route(req.Context(), req.Pattern)
		v := &visit{Desk: d, Request: req, w: w, route: r, lang: languageOf(req), now: d.Now()}
		defer v.recover()
		switch err := v.enter(); {
		case err == nil:
		case v.api():
			v.failAPI(err)
		default:
			v.fail(err)
		}
	})
}

// recover answers a panic with a page, in the reader's language, as any other
// mistake of ours. What it was with may hold a name; where it was cannot.
func (v *visit) recover() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p) // the server's own way to break off
	}
	v.Log.ErrorContext(v.Context(), "page panicked", "route", v.route.pattern, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	if v.api() {
		v.failAPI(errPanicked)
	} else {
		v.fail(errPanicked)
	}
}

var errPanicked = errors.New("a panic, which stands in the line before")

// errSignIn says that a page is for people who have signed in.
var errSignIn = errors.New("sign in first")

// tooMany says that wrong access tokens come from an address one after the other.
type tooMany struct{ after time.Duration }

func (tooMany) Error() string { return "too many wrong access tokens" }

// errForbidden says that a page is for another part than the viewer plays.
var errForbidden = errors.New("not for this account")

func (v *visit) enter() error {
	if !speakable(v.URL) {
		return casework.ErrNotFound
	}
	var me *casework.Account
	var err error
	token, sent := strings.CutPrefix(v.Header.Get("Authorization"), "Bearer ")
	if sent = sent && v.api(); sent {
		// Counted after it was looked at: a right token is let in at any time.
		if me, err = v.bearer(token); err == nil && me == nil {
			if after := v.wrong.Seen(v.Proxies.Sender(v.Request).String(), v.now); after > 0 {
				err = tooMany{after}
			} else {
				v.Log.WarnContext(v.Context(), "access token refused")
			}
		}
	} else {
		me, err = v.signedIn(v.Context())
	}
	if err != nil {
		return err
	}
	if me != nil {
		v.me = *me
	}
	v.token = sent
	if !v.route.rule.Allows(me) {
		if me == nil {
			return errSignIn
		}
		return errForbidden
	}
	return v.route.handle(v)
}

// speakable says of an address that it holds what a text of the database may.
// No page of ours links to another.
func speakable(u *url.URL) bool {
	query, err := url.QueryUnescape(u.RawQuery)
	for _, s := range []string{u.Path, query} {
		if err != nil || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return true
}

// fail is the one table from what went wrong to what is answered.
func (v *visit) fail(err error) {
	switch {
	case errors.Is(err, errSignIn):
		v.askToSignIn()
	case errors.Is(err, errForbidden):
		v.page(http.StatusForbidden, "problem", problemPage{Key: "forbidden"})
	case errors.Is(err, casework.ErrNotFound):
		v.page(http.StatusNotFound, "problem", problemPage{Key: "notfound"})
	case errors.Is(err, casework.ErrOwnDecision):
		v.page(http.StatusConflict, "problem", problemPage{Key: "owndecision"})
	case errors.Is(err, casework.ErrChanged):
		v.page(http.StatusConflict, "problem", problemPage{Key: "changed", Link: v.toLookAgain(), Typed: v.typed()})
	case errors.Is(err, casework.ErrUnavailable):
		v.Log.ErrorContext(v.Context(), "page", "route", v.route.pattern, "error", err)
		v.w.Header().Set("Retry-After", "5")
		v.page(http.StatusServiceUnavailable, "problem", problemPage{Key: "unavailable"})
	case errors.Is(err, context.Canceled):
		// the browser has gone: nobody reads an answer
	default:
		v.Log.ErrorContext(v.Context(), "page", "route", v.route.pattern, "error", err)
		v.page(http.StatusInternalServerError, "problem", problemPage{Key: "error"})
	}
}

// problemPage says what went wrong, and what to do.
type problemPage struct {
	Key   string
	Link  string   // where to look again
	Typed []string // what somebody wrote and nobody kept
}

// from is the page that a form was on: its own address or, where nothing can be
// read there, the nearest above it.
func (v *visit) from() string { return v.readableAt(v.URL.Path) }

// toLookAgain is where to look at what has changed: the page that a form was on
// or, of a page that cannot be shown any more, the one above it.
func (v *visit) toLookAgain() string {
	if v.Method == http.MethodGet {
		return v.readableAt(path.Dir(v.URL.Path))
	}
	return v.from()
}

func (v *visit) readableAt(at string) string {
	for ; ; at = path.Dir(at) {
		_, pattern := v.pagesAt.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: at}})
		if pattern != "/" || at == "/" {
			return at
		}
	}
}

// proseFields are where forms take somebody's own words.
var proseFields = []string{"reason", "rationale", "risk_reason", "question", "justification", "concern", "risk", "wanted", "note", "notes"}

// typed is what somebody wrote in a form that was not taken, so that it is not lost.
func (v *visit) typed() []string {
	var all []string
	for _, name := range proseFields {
		if text := v.field(name); len(text) > 3 { // and no yes or no
			all = append(all, text)
		}
	}
	return all
}

// layout is what every page has around its own data.
type layout struct {
	Page   string
	Path   string // of this page, for the switch of language
	Nonce  string
	Styled bool
	Demo   bool
	Me     *casework.Account
	Nav    []navItem
	Sub    []navItem // the group that the page is one of
	Find   bool      // the viewer may look for a person or an incident
	Flash  string
	Live   bool // counts are kept up to date
	Now    time.Time
	Errors []fieldError
	Data   any
}

type navItem struct {
	Key, Href string
	Current   bool
}

// fieldError is one mistake in a form.
type fieldError struct{ Field, Key string }

// Error is the key of what is wrong with a field, or nothing.
func (l layout) Error(field string) string {
	for _, e := range l.Errors {
		if e.Field == field {
			return e.Key
		}
	}
	return ""
}

// page renders a page whole before the first byte is sent, so that a mistake
// in it never leaves half of one. What it shows of people goes on the trail first.
func (v *visit) page(status int, name string, data any, mistakes ...fieldError) error {
	l := layout{Page: name, Path: v.URL.RequestURI(), Styled: vendored(), Demo: v.Demo, Now: v.now, Data: data, Errors: mistakes}
	if v.Method != http.MethodGet {
		l.Path = v.from()
	}
	l.Nonce, _ = v.Context().Value(nonceKey{}).(string)
	if v.me.ID != 0 {
		l.Me = &v.me
		l.Nav, l.Find = v.navigation(), access.ReadMatches.Allows(&v.me)
		if group, within := v.oversight(); within && len(group) > 1 && (status < 400 || status == http.StatusUnprocessableEntity) {
			l.Sub = group
		}
		l.Flash = v.sessions.PopString(v.Context(), sessionFlash)
	}
	var out bytes.Buffer
	if err := v.pages[v.lang][name].ExecuteTemplate(&out, "layout", l); err != nil {
		// The page's data may be quoted in the error, so it goes no further.
		v.Log.ErrorContext(v.Context(), "render", "page", name, "route", v.route.pattern)
		http.Error(v.w, "The page could not be shown.\nNi ellid dangos y dudalen.", http.StatusInternalServerError)
		return nil
	}
	// A form that comes back for a mistake shows people as well as its page does.
	if v.route.view != "" && status < 400 || v.about.SubjectType != "" && status == http.StatusUnprocessableEntity {
		if err := v.record(); err != nil {
			return err
		}
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.lang)
	v.w.WriteHeader(status)
	v.w.Write(out.Bytes())
	return nil
}

// record writes that personal data was viewed.
func (v *visit) record() error {
	line := v.about
	line.Actor, line.What, line.Service, line.Correlation = v.me.Subject, cmp.Or(v.route.view, "PAGE_VIEW_FORM"), "desk", v.correlation()
	return v.DB.Record(v.Context(), line)
}

func (v *visit) viewed(kind string, id any, details map[string]any) {
	v.about = postgres.Audit{SubjectType: kind, SubjectID: fmt.Sprint(id), Details: details}
}

func (v *visit) correlation() string { return telemetry.RequestID(v.Context()) }

// to sends the browser on after a change, so that going back or reloading does
// not send the form again.
func (v *visit) to(at, flash string) error {
	if flash != "" {
		v.sessions.Put(v.Context(), sessionFlash, flash)
	}
	http.Redirect(v.w, v.Request, at, http.StatusSeeOther)
	return nil
}

// id is the number in the path. What is no number is not found.
func (v *visit) id() (int64, error) {
	n, err := strconv.ParseInt(v.PathValue("id"), 10, 64)
	if err != nil || n < 1 {
		return 0, casework.ErrNotFound
	}
	return n, nil
}

// field is what somebody typed, without the space around it and without what no
// text of the database may hold.
func (v *visit) field(name string) string {
	typed := strings.ReplaceAll(strings.ToValidUTF8(v.PostFormValue(name), "\uFFFD"), "\x00", "")
	return strings.ReplaceAll(strings.TrimSpace(typed), "\r\n", "\n")
}

// lastMoment is the end of the year 9999: beyond it lists have nothing, and the
// database no times.
var lastMoment = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro()

// after reads where a list goes on from the query.
func (v *visit) after() postgres.Key {
	parts := strings.SplitN(v.URL.Query().Get("after"), ".", 3)
	if len(parts) < 2 {
		return postgres.Key{}
	}
	micros, err1 := strconv.ParseInt(parts[0], 10, 64)
	n, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil || micros < 0 || micros > lastMoment {
		return postgres.Key{}
	}
	k := postgres.Key{At: time.UnixMicro(micros), ID: n}
	if len(parts) == 3 {
		if k.Number, err1 = strconv.ParseFloat(parts[2], 64); err1 != nil || !(math.Abs(k.Number) <= 1000) {
			return postgres.Key{}
		}
	}
	return k
}

// nextPage is this list, as q narrows it, after the key of its last row.
func (v *visit) nextPage(q url.Values, at time.Time, id int64) string {
	return v.nextOf(q, postgres.Key{At: at, ID: id})
}

func (v *visit) nextOf(q url.Values, k postgres.Key) string {
	q = maps.Clone(q)
	if q == nil {
		q = url.Values{}
	}
	after := fmt.Sprintf("%d.%d", k.At.UnixMicro(), k.ID)
	if k.Number != 0 {
		after += "." + strconv.FormatFloat(k.Number, 'g', -1, 64)
	}
	q.Set("after", after)
	return v.URL.Path + "?" + q.Encode()
}

// languageOf is the language that somebody chose, else what their browser asks for.
func languageOf(r *http.Request) string {
	if c, err := r.Cookie("language"); err == nil {
		for _, l := range languages {
			if c.Value == l {
				return l
			}
		}
	}
	return spoken(r.Header.Get("Accept-Language"))
}

// spoken is the one of our languages that a browser or a program would rather
// read. What it did not say, or not clearly, is answered in the first.
func spoken(accepted string) string {
	wanted, _, err := language.ParseAcceptLanguage(accepted) // the dearest first
	if err != nil {
		return languages[0]
	}
	for _, one := range wanted {
		base, _ := one.Base()
		if slices.Contains(languages, base.String()) {
			return base.String()
		}
	}
	return languages[0]
}

// local keeps a path that a form brings along on this site.
func local(at string) string {
	u, err := url.Parse(at)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(at, "//") || strings.Contains(at, "\\") {
		return "/"
	}
	return u.RequestURI()
}
