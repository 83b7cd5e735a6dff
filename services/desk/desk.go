// Package desk is where people work: administrators judge matches and transfer
// them, practitioners acknowledge and decide, managers oversee.
//
// matches, actions → desk → judgements, decisions → matches.confirmed, decisions.recorded …
//
// Pages are rendered here, on the server, and work without JavaScript. One page
// is one .go, one .gohtml and one test of the same name. Every route stands in
// one table (routes.go) with the rule of services/access that it asks; what its
// viewer may see is decided by the queries of services/postgres, so that what
// is hidden answers 404 and is absent from lists and counts.
//
//   - visit.go: one request, its viewer, and how its page is rendered
//   - session.go: who is signed in; headers that browsers obey
//   - words.go: both languages and the Welsh terms chosen, times and deadlines in words
package desk

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// Config is what a desk needs. Only DB has to be given.
type Config struct {
	// DB is the ledger. The desk shows most of what it holds, so it takes the
	// whole of it instead of naming thirty methods.
	DB *postgres.DB
	// Demo lets people sign in as personas, without a password. Without it a
	// persona cannot sign in, nor go on with a session begun in a demo.
	Demo bool
	// Provider is whom people sign in with. Nil where there is only the demo.
	Provider *Provider
	// Secure marks cookies for HTTPS only and asks browsers to stay on it. Set
	// it everywhere but on a developer's own machine.
	Secure bool
	// Proxies are those before the desk. Without them it takes all who come by one
	// for one sender, who soon has to wait to sign in.
	Proxies access.Proxies
	// Idle is after how long without a request a session ends. Default 30 minutes.
	Idle time.Duration
	// Lifetime is after how long a session ends in any case. Default 9 hours.
	Lifetime time.Duration
	// Calendar counts working time. Default England and Wales.
	Calendar *casework.Calendar
	// Observe is shown the milestones that people's work reached, for the histograms.
	Observe func(...casework.Milestone)
	// Targets are by when matches are to have come to stages, in a PDU or, for
	// none, everywhere. None by default.
	Targets func(pdu string) []casework.Target
	// Sends says that confirmed matches go to the case record by themselves, so
	// that nobody is asked to copy what is on its way.
	Sends bool
	// Registry takes the desk's metrics. None by default.
	Registry prometheus.Registerer
	// Log takes what went wrong. Default slog's own.
	Log *slog.Logger
	// Now is the clock. Default the machine's.
	Now func() time.Time

	pulse time.Duration // how often counts are looked up at most
}

// Desk serves the pages.
type Desk struct {
	Config
	sessions  *scs.SessionManager
	pages     map[string]map[string]*template.Template // language → page
	languages map[string]words
	attempts  *limits
	wrong     access.WrongKeys // access tokens that were refused, by address
	provider  *provider
	nudges    *nudges
	metrics   metrics
	pagesAt   *http.ServeMux // to find the page that a form was on
}

// New makes a desk. It fails if a page cannot be read, which is a mistake of
// the build and not of the settings.
func New(c Config) (*Desk, error) {
	if c.DB == nil {
		return nil, errors.New("make a desk: no database was given")
	}
	if c.Idle == 0 {
		c.Idle = 30 * time.Minute
	}
	if c.Lifetime == 0 {
		c.Lifetime = 9 * time.Hour
	}
	if c.Calendar == nil {
		c.Calendar = casework.EnglandAndWales()
	}
	if c.Observe == nil {
		c.Observe = func(...casework.Milestone) {}
	}
	if c.Targets == nil {
		c.Targets = func(string) []casework.Target { return nil }
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.pulse == 0 {
		c.pulse = 5 * time.Second
	}
	d := &Desk{Config: c, attempts: newLimits(rate.Every(2*time.Second), 20), provider: newProvider(c.Provider), metrics: newMetrics(c.Registry)}
	d.sessions = newSessions(c, d.noSession)
	d.nudges = &nudges{listen: func(ctx context.Context) <-chan struct{} { return c.DB.Listen(ctx, "event") }}
	var err error
	if d.languages, d.pages, err = readPages(c.Calendar.Zone()); err != nil {
		return nil, err
	}
	return d, nil
}

// Routes are all pages, and the assets they need.
func (d *Desk) Routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.Handle(r.pattern, d.serve(r))
	}
	d.pagesAt = mux
	mux.Handle("/", d.serve(route{handle: func(*visit) error { return casework.ErrNotFound }, rule: anyone}))

	outer := http.NewServeMux()
	outer.Handle("GET /assets/", assets())
	outer.Handle("GET /live", d.peek(mux))
	outer.Handle("/", d.sessions.LoadAndSave(mux))

	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.outside(w, r, http.StatusForbidden, "elsewhere")
	}))
	return d.headers(guard.Handler(http.MaxBytesHandler(outer, 1<<20)))
}

// outside answers, with a page in the reader's language, what never became
// somebody's visit.
func (d *Desk) outside(w http.ResponseWriter, r *http.Request, status int, key string) {
	v := &visit{Desk: d, Request: r, w: w, lang: languageOf(r), now: d.Now()}
	v.page(status, "problem", problemPage{Key: key})
}
