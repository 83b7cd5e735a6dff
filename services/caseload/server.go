// Package caseload tells each police force who is under supervision: a list of
// its own, what has changed in it since, and what it has not confirmed. What the
// register is made from is read by the package extract.
//
//	people → caseload → forces
package caseload

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/telemetry"
)

// WatchStore is what the watch list needs of the ledger.
type WatchStore interface {
	SyncWatchList(ctx context.Context, force string) (cursor int64, err error)
	WatchList(ctx context.Context, force string, after int64, begin func(list postgres.WatchHeading) error, give func(casework.WatchEntry) error) error
	ConfirmWatchList(ctx context.Context, force string, cursor int64) error
	WatchStates(ctx context.Context) ([]casework.WatchState, error)
	Record(ctx context.Context, lines ...postgres.Audit) error
}

// Config is what the service is given.
type Config struct {
	Store WatchStore
	// Door says which force a request is of.
	Door access.ForceDoor
	// Metrics may be nil.
	Metrics *Metrics
	// Log may be nil.
	Log *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Every is how often the lists are brought up to date by themselves, and how
	// often a long poll looks. Default 15 s and 1 s.
	Every, Look time.Duration
	// Patience is how long a force may take to read a part of a list, and
	// Longest how long the whole: until then it holds a connection and a snapshot
	// of the database. Default 15 s and 10 min.
	Patience, Longest time.Duration
	// Waiting is how many requests of one force may be open at once. Default 8.
	Waiting int
}

// Server tells each force who is under supervision.
type Server struct {
	Config
	mu   sync.Mutex
	open map[string]int // force → requests
}

// NewServer makes a server; [Server.Routes] are to be served and [Server.Run] run.
func NewServer(c Config) *Server {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Every == 0 {
		c.Every = 15 * time.Second
	}
	if c.Look == 0 {
		c.Look = time.Second
	}
	if c.Patience == 0 {
		c.Patience = 15 * time.Second
	}
	if c.Longest == 0 {
		c.Longest = 10 * time.Minute
	}
	if c.Waiting == 0 {
		c.Waiting = 8
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil)
	}
	return &Server{Config: c, open: map[string]int{}}
}

// Route is one thing that the server does. All of them are for forces that
// show a live key.
type Route struct {
	Pattern string
	handle  func(http.ResponseWriter, *http.Request, string)
}

// Table lists every route.
func (s *Server) Table() []Route {
	return []Route{
		{"GET /v1/caseload", s.snapshot},
		{"GET /v1/caseload/changes", s.changes},
		{"POST /v1/caseload/confirmations", s.confirm},
		{"GET /v1/caseload/status", s.status},
	}
}

// Routes serves the table, and refuses the rest below /v1/caseload.
func (s *Server) Routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.Table() {
		mux.Handle(route.Pattern, s.Door.Require(s.bounded(route.handle)))
	}
	mux.Handle("/", s.Door.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { noSuchThing.Write(w, r) })))
	return mux
}

var (
	noSuchThing = &access.Refusal{Status: http.StatusNotFound, Type: "not-found", UserMessage: "There is no such thing.",
		DeveloperMessage: "The contract is at /v1/openapi.yaml."}
	noList = &access.Refusal{Status: http.StatusNotFound, Type: "no-watch-list", UserMessage: "No watch list has been agreed for your force.",
		DeveloperMessage: "Ask for a policy that says of whom your force is told, and what."}
	tooMany = &access.Refusal{Status: http.StatusTooManyRequests, Type: "too-many", RetryAfter: 5, UserMessage: "Your force has too many requests open at once.",
		DeveloperMessage: "Let one reader follow the list, and wait for it to be answered before it asks again."}
	badCursor = &access.Refusal{Status: http.StatusBadRequest, Type: "bad-cursor", UserMessage: "The cursor is not one of this list.",
		DeveloperMessage: "Give the cursor of the last answer. If that is what you gave, take the whole list again with GET /v1/caseload."}
	badWait = &access.Refusal{Status: http.StatusBadRequest, Type: "bad-wait", UserMessage: "The wait is not a number of seconds.",
		DeveloperMessage: "Give wait as whole seconds from 0 to 60."}
	badConfirmation = &access.Refusal{Status: http.StatusBadRequest, Type: "bad-confirmation", UserMessage: "The confirmation cannot be read.",
		DeveloperMessage: `Send {"cursor": N} with the cursor of the list or the changes that were taken.`}
)

// bounded lets a force have so many requests open, and no more.
func (s *Server) bounded(handle func(http.ResponseWriter, *http.Request, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		force := access.ForceOf(r.Context())
		s.mu.Lock()
		room := s.open[force] < s.Waiting
		if room {
			s.open[force]++
		}
		s.mu.Unlock()
		if !room {
			tooMany.Write(w, r)
			return
		}
		defer func() {
			s.mu.Lock()
			s.open[force]--
			s.mu.Unlock()
		}()
		w.Header().Set("Cache-Control", "no-store")
		handle(w, r, force)
	})
}

// fail answers with an error of the store's. Once lines have been sent, all
// that is left is to break the connection off, so that a part is not taken for
// the whole.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, force string, sent bool, err error) {
	if r.Context().Err() != nil {
		return
	}
	s.Log.WarnContext(r.Context(), "the watch list could not be given", "force", force, "error", err)
	if sent {
		panic(http.ErrAbortHandler)
	}
	if errors.Is(err, casework.ErrNotFound) {
		noList.Write(w, r)
		return
	}
	access.Unavailable(err).Write(w, r)
}

// heading is the first line of an answer: what follows, and where to go on.
type heading struct {
	Force string `json:"force"`
	// Cursor is to be confirmed, and given as after to get what changes later.
	Cursor int64 `json:"cursor"`
	// After is the cursor that the changes follow. Absent from a whole list.
	After *int64 `json:"after,omitempty"`
	// Entries is how many lines follow. Fewer mean that the answer broke off.
	Entries int `json:"entries"`
	// Salt is that of the tokens by which people stand whose names do not go out.
	Salt string    `json:"salt"`
	At   time.Time `json:"at"`
}

// snapshot gives the whole list.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request, force string) {
	if _, err := s.Store.SyncWatchList(r.Context(), force); err != nil {
		s.fail(w, r, force, false, err)
		return
	}
	s.give(w, r, force, -1)
}

const longestWait = 60 * time.Second

// changes gives what has changed since a cursor, and waits for it if asked to.
func (s *Server) changes(w http.ResponseWriter, r *http.Request, force string) {
	q := r.URL.Query()
	after, err := strconv.ParseInt(q.Get("after"), 10, 64)
	if err != nil || after < 0 {
		badCursor.Write(w, r)
		return
	}
	wait := 30
	if given := q.Get("wait"); given != "" {
		if wait, err = strconv.Atoi(given); err != nil || wait < 0 || time.Duration(wait)*time.Second > longestWait {
			badWait.Write(w, r)
			return
		}
	}
	end := time.NewTimer(time.Duration(wait) * time.Second)
	defer end.Stop()
	look := time.NewTicker(s.Look)
	defer look.Stop()
	for waiting := true; ; {
		cursor, err := s.Store.SyncWatchList(r.Context(), force)
		if err != nil {
			s.fail(w, r, force, false, err)
			return
		}
		if after > cursor {
			badCursor.Write(w, r)
			return
		}
		if cursor > after || !waiting {
			break
		}
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			waiting = false
		case <-look.C:
		}
	}
	s.give(w, r, force, after)
}

// give writes the list, or what has changed since after, as lines of JSON.
func (s *Server) give(w http.ResponseWriter, r *http.Request, force string, after int64) {
	sent := false
	to := &impatient{to: w, control: http.NewResponseController(w), each: s.Patience, end: time.Now().Add(s.Longest)}
	err := WriteList(r.Context(), s.Store, force, after, s.Now(), to, func(cursor int64, entries int) error {
		if entries > 0 { // a poll that brings nothing tells nothing about anybody
			if err := s.Store.Record(r.Context(), postgres.Audit{Actor: "force:" + force, What: "WATCHLIST_READ", Service: "caseload",
				SubjectType: "WATCHLIST", SubjectID: force, Correlation: telemetry.RequestID(r.Context()),
				Details: map[string]any{"cursor": cursor, "after": after, "entries": entries}}); err != nil {
				return err
			}
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		sent = true
		return nil
	})
	if err != nil {
		s.fail(w, r, force, sent, err)
		return
	}
	_ = to.control.SetWriteDeadline(time.Time{}) // the next request on the connection has its own
}

// impatient gives up on a reader that takes too long over a part, or the whole.
type impatient struct {
	to      io.Writer
	control *http.ResponseController
	each    time.Duration
	end     time.Time
}

func (i *impatient) Write(b []byte) (int, error) {
	until := time.Now().Add(i.each)
	if until.After(i.end) {
		until = i.end
	}
	_ = i.control.SetWriteDeadline(until) // a writer without deadlines, as in tests, has no slow readers either
	return i.to.Write(b)
}

// Lists is where watch lists are read.
type Lists interface {
	WatchList(ctx context.Context, force string, after int64, begin func(list postgres.WatchHeading) error, give func(casework.WatchEntry) error) error
}

// WriteList writes a force's list, or what has changed in it since the cursor
// after, if that is not negative: a heading and then an entry on each line. It
// tells begun what will follow before the first of them.
func WriteList(ctx context.Context, from Lists, force string, after int64, now time.Time, to io.Writer, begun func(cursor int64, entries int) error) error {
	out := bufio.NewWriterSize(to, 32<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	err := from.WatchList(ctx, force, after, func(list postgres.WatchHeading) error {
		if err := begun(list.Cursor, list.Entries); err != nil {
			return err
		}
		h := heading{Force: force, Cursor: list.Cursor, Entries: list.Entries, Salt: list.Salt, At: now.UTC()}
		if after >= 0 {
			h.After = &after
		}
		return lines.Encode(h)
	}, func(e casework.WatchEntry) error { return lines.Encode(e) })
	if err != nil {
		return err
	}
	return out.Flush()
}

// confirm notes that the force has taken the list up to a cursor: that it has
// added and let go of whom it was told to.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, force string) {
	var c struct {
		Cursor *int64 `json:"cursor"`
	}
	body := json.NewDecoder(io.LimitReader(r.Body, 4<<10))
	if body.Decode(&c) != nil || c.Cursor == nil || *c.Cursor < 0 {
		badConfirmation.Write(w, r)
		return
	}
	err := s.Store.ConfirmWatchList(r.Context(), force, *c.Cursor)
	switch {
	case errors.Is(err, casework.ErrNotFound):
		badCursor.Write(w, r)
		return
	case err != nil:
		s.fail(w, r, force, false, err)
		return
	}
	s.status(w, r, force)
}

// status says where the force's own list stands.
func (s *Server) status(w http.ResponseWriter, r *http.Request, force string) {
	states, err := s.Store.WatchStates(r.Context())
	if err != nil {
		s.fail(w, r, force, false, err)
		return
	}
	for _, state := range states {
		if state.Force == force {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(state) // whoever asked has gone if this fails
			return
		}
	}
	noList.Write(w, r)
}

// Run brings every list up to date now and then and measures how far the
// forces have taken them, until the context ends. Endings that a force does not
// confirm are told again and again: it must not keep people it may no longer hold.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	chased := map[string]time.Time{}
	for {
		if err := s.look(ctx, chased); err != nil && ctx.Err() == nil {
			s.Log.WarnContext(ctx, "the watch lists could not be looked at", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Endings are chased once an hour, from a day after the first of them.
const (
	chaseAfter = 24 * time.Hour
	chaseEvery = time.Hour
)

func (s *Server) look(ctx context.Context, chased map[string]time.Time) error {
	states, err := s.Store.WatchStates(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		if _, err := s.Store.SyncWatchList(ctx, state.Force); err != nil {
			return err
		}
	}
	if states, err = s.Store.WatchStates(ctx); err != nil {
		return err
	}
	now := s.Now()
	for _, state := range states {
		s.Metrics.watch(state, now)
		if state.UnconfirmedEndings == 0 || now.Sub(state.OldestEnding) < chaseAfter || now.Sub(chased[state.Force]) < chaseEvery {
			continue
		}
		chased[state.Force] = now
		s.Log.WarnContext(ctx, "a force has not confirmed that it let go of people whose supervision has ended",
			"force", state.Force, "people", state.UnconfirmedEndings, "since", state.OldestEnding)
	}
	return nil
}
