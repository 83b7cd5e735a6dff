package feed

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/schemas/api"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// Store is what the server needs of the store.
type Store interface {
	Ledger
	Receipt(ctx context.Context, force, id string) (casework.Receipt, error)
	ClaimKey(ctx context.Context, force, key string) (release func() (kept bool), err error)
	ReceiptByKey(ctx context.Context, force, key string) (casework.Receipt, error)
	ReceiptLines(ctx context.Context, id string, status casework.LineStatus, after, limit int) ([]casework.ReceiptLine, error)
	RecountReceipt(ctx context.Context, id string) error
	FiledRevisions(ctx context.Context, force, reference string) ([]postgres.FiledRevision, error)
	AcceptReplies(ctx context.Context, b casework.Batch, problems postgres.ReplyProblems) ([]casework.ReceiptLine, error)
	EnquiriesFor(ctx context.Context, force string, taken bool, limit int, correlation string) ([]casework.EnquiryOut, error)
	EnquiriesWait(ctx context.Context, force string) (bool, error)
	TakeEnquiry(ctx context.Context, force, number, correlation string) error
}

// Config is what a server is given.
type Config struct {
	Store Store
	// Door says which force a request is of.
	Door    access.ForceDoor
	Limits  Limits
	Metrics *Metrics
	Log     *slog.Logger
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// Server is the forces' way in by HTTP. Its contract is schemas/api/police.openapi.yaml.
type Server struct {
	Config
	intake  *Intake
	replies *Intake
	gates   gates
	waiting waiting
}

// NewServer makes a server; [Server.Routes] are to be served.
func NewServer(c Config) *Server {
	c.Limits = c.Limits.filled()
	intake := &Intake{Ledger: c.Store, Metrics: c.Metrics, Log: c.Log, Now: c.Now}
	replies := &Intake{Ledger: Replies(c.Store), Metrics: c.Metrics, Log: c.Log, Now: c.Now}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Door.Refused == nil {
		c.Door.Refused = c.Metrics.refuse
	}
	return &Server{
		Config:  c,
		intake:  intake,
		replies: replies,
		gates:   gates{limits: c.Limits},
	}
}

// Who may use a route.
type Who string

const (
	// Forces: those who show a live key of a force.
	Forces Who = "forces"
	// Anyone: what holds nothing about anybody.
	Anyone Who = "anyone"
)

// Route is one thing that the server does, and for whom. A route without a
// rule is not served.
type Route struct {
	Pattern string
	Who     Who
	handle  func(http.ResponseWriter, *http.Request)
}

// Table lists every route.
func (s *Server) Table() []Route {
	return []Route{
		{"POST /v1/incidents", Forces, s.inTurn(s.postIncidents)},
		{"POST /v1/files", Forces, s.inTurn(s.postFiles)},
		{"POST /v1/check", Forces, s.inTurn(s.postCheck)},
		{"GET /v1/receipts/{id}", Forces, s.getReceipt},
		{"GET /v1/incidents/{reference...}", Forces, s.getIncident},
		{"POST /v1/replies", Forces, s.inTurn(s.postReplies)},
		{"POST /v1/replies/check", Forces, s.inTurn(s.checkReplies)},
		{"GET /v1/enquiries", Forces, s.getEnquiries},
		{"POST /v1/enquiries/{id}/taken", Forces, s.takeEnquiry},
		{"GET /v1/openapi.yaml", Anyone, contract("application/yaml", api.Police)},
		{"GET /v1/incident.schema.json", Anyone, contract("application/schema+json", api.Incident)},
	}
}

// Routes serves the table. Whatever is not in it is refused.
func (s *Server) Routes() http.Handler {
	mux := http.NewServeMux()
	for _, route := range s.Table() {
		switch route.Who {
		case Forces:
			mux.Handle(route.Pattern, s.Door.Require(s.paced(route.handle)))
		case Anyone:
			mux.HandleFunc(route.Pattern, route.handle)
		}
	}
	mux.Handle("/", s.Door.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		notFound.Write(w, r)
	})))
	return mux
}

var notFound = &access.Refusal{Status: http.StatusNotFound, Type: "not-found", UserMessage: "There is no such thing.",
	DeveloperMessage: "The address, or the id in it, is not known for your force. The contract is at /v1/openapi.yaml."}

// paced lets a force make so many requests a second and no more.
func (s *Server) paced(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		force := access.ForceOf(r.Context())
		if after, ok := s.gates.allow(force); !ok {
			s.tooMany(force, after).Write(w, r)
			return
		}
		handle(w, r)
	})
}

// inTurn lets a force have so many submissions dealt with at the same time.
func (s *Server) inTurn(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		force := access.ForceOf(r.Context())
		leave, ok := s.gates.enter(r.Context(), force)
		if !ok {
			s.tooMany(force, s.Limits.Wait).Write(w, r)
			return
		}
		defer leave()
		handle(w, r)
	}
}

func (s *Server) tooMany(force string, after time.Duration) *access.Refusal {
	s.Metrics.refuse(force, "too-many")
	return &access.Refusal{Status: http.StatusTooManyRequests, Type: "too-many", RetryAfter: max(1, int(after.Seconds()+0.999)),
		UserMessage:      "Your force sends more than can be taken at once.",
		DeveloperMessage: "Wait for Retry-After seconds. Send many records in one request (NDJSON) instead of many requests."}
}

func (s *Server) postIncidents(w http.ResponseWriter, r *http.Request) {
	form, refusal := jsonForm(r)
	if refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	s.submit(w, r, s.intake, nil, jsonReader(form))
}

func (s *Server) postFiles(w http.ResponseWriter, r *http.Request) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "text/csv" && media != "application/csv" && media != "application/octet-stream" {
		s.refuse(w, r, unsupported("Send a CSV with Content-Type: text/csv, as it is in your export: the mapping knows its encoding."))
		return
	}
	s.submit(w, r, s.intake, new(Quality), csvReader(r))
}

// opener makes the reader of a body whose format the request's headers told.
type opener func(io.Reader, check.Rules) (Reader, error)

// csvReader reads a CSV by the mapping that the request names, or the force's.
func csvReader(r *http.Request) opener {
	return func(in io.Reader, rules check.Rules) (Reader, error) {
		return NewReader(in, Format{Name: r.URL.Query().Get("format"), File: ".csv", Shipped: true}, rules)
	}
}

func jsonReader(form canonical.Form) opener {
	return func(in io.Reader, rules check.Rules) (Reader, error) {
		return canonical.NewReader(in, form, rules), nil
	}
}

// jsonForm is how the records of a JSON body follow one another.
func jsonForm(r *http.Request) (canonical.Form, *access.Refusal) {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return canonical.Auto, nil
	}
	media, params, err := mime.ParseMediaType(header)
	if err == nil {
		switch charset := params["charset"]; charset {
		case "", "utf-8", "UTF-8", "utf8":
		default:
			return 0, unsupported("Send JSON in UTF-8.")
		}
		switch media {
		case "application/json":
			return canonical.Auto, nil
		case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq":
			return canonical.Lines, nil
		}
	}
	return 0, unsupported("Send Content-Type: application/json for an object or an array, application/x-ndjson for an object on each line. A CSV goes to /v1/files.")
}

func unsupported(remedy string) *access.Refusal {
	return &access.Refusal{Status: http.StatusUnsupportedMediaType, Type: "unsupported-media-type",
		UserMessage: "The body is of a kind that is not taken here.", DeveloperMessage: remedy}
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refusal *access.Refusal) {
	force := access.ForceOf(r.Context())
	s.Metrics.refuse(force, refusal.Type)
	if refusal.Cause != nil {
		s.Log.ErrorContext(r.Context(), "could not answer a force", "force", force, "error", refusal.Cause)
	}
	refusal.Write(w, r)
}

// missing answers for what the store could not give: it is not there for this
// force, or the store is not.
func (s *Server) missing(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, casework.ErrNotFound) {
		notFound.Write(w, r)
		return
	}
	s.refuse(w, r, access.Unavailable(err))
}

func (s *Server) postCheck(w http.ResponseWriter, r *http.Request) {
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "text/csv" || media == "application/csv" {
		s.check(w, r, csvReader(r), true)
		return
	}
	form, refusal := jsonForm(r)
	if refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	s.check(w, r, jsonReader(form), true)
}

// check does everything that submit does but the commit. How good the data are
// is told of incidents.
func (s *Server) check(w http.ResponseWriter, r *http.Request, open opener, quality bool) {
	rules := check.Rules{Force: access.ForceOf(r.Context()), Now: s.Now()}
	in, err := body(w, r, s.Limits.Check)
	var reader Reader
	if err == nil {
		reader, err = open(in, rules)
	}
	var a Answer
	if err == nil {
		a, err = Check(reader, rules.Force, rules.Now, nil)
	}
	if err != nil {
		s.fail(w, r, casework.Receipt{}, &gather{}, err)
		return
	}
	if !quality {
		a.Quality = nil
	}
	writeJSON(w, http.StatusOK, a)
}

// contract serves a file that says what is agreed, and nothing about anybody.
func contract(media string, file []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		_, _ = w.Write(file) // whoever asked has gone if this fails
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body) // whoever asked has gone if this fails
}
