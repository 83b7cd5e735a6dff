package feed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"sync"
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
		{"POST /v1/incidents", Forces, s.postIncidents},
		{"POST /v1/files", Forces, s.postFiles},
		{"POST /v1/check", Forces, s.postCheck},
		{"GET /v1/receipts/{id}", Forces, s.getReceipt},
		{"GET /v1/incidents/{reference...}", Forces, s.getIncident},
		{"POST /v1/replies", Forces, s.postReplies},
		{"POST /v1/replies/check", Forces, s.checkReplies},
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
	s.submit(w, r, s.intake, nil, func(in io.Reader, rules check.Rules) (Reader, error) {
		return canonical.NewReader(in, form, rules), nil
	})
}

func (s *Server) postFiles(w http.ResponseWriter, r *http.Request) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "text/csv" && media != "application/csv" && media != "application/octet-stream" {
		s.refuse(w, r, unsupported("Send a CSV with Content-Type: text/csv, as it is in your export: the mapping knows its encoding."))
		return
	}
	s.submit(w, r, s.intake, new(Quality), csvReader(r))
}

// csvReader reads a CSV by the mapping that the request names, or the force's.
func csvReader(r *http.Request) func(io.Reader, check.Rules) (Reader, error) {
	return func(in io.Reader, rules check.Rules) (Reader, error) {
		return NewReader(in, Format{Name: r.URL.Query().Get("format"), File: ".csv", Shipped: true}, rules)
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

// keyForm is what an idempotency key may be.
var keyForm = regexp.MustCompile(`^[\x21-\x7e]{1,200}$`)

// submit takes a submission, whatever its format. Of a file it says how good the
// data are, too.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, intake *Intake, quality *Quality, open func(io.Reader, check.Rules) (Reader, error)) {
	ctx, began := r.Context(), time.Now()
	force := access.ForceOf(ctx)
	leave, ok := s.gates.enter(ctx, force)
	if !ok {
		s.tooMany(force, s.Limits.Wait).Write(w, r)
		return
	}
	defer leave()
	in, err := body(w, r, s.Limits.Body)
	if err != nil {
		s.fail(w, r, casework.Receipt{}, &gather{}, err)
		return
	}
	sub := Submission{Force: force, Channel: casework.ChannelHTTP, IdempotencyKey: r.Header.Get("Idempotency-Key"), Received: s.Now(), Quality: quality}
	release := func() bool { return true }
	if sub.IdempotencyKey != "" {
		var answered bool
		if in, release, answered = s.under(w, r, &sub, in); answered {
			return
		}
		defer release()
	}
	reader, err := open(in, check.Rules{Force: force, Now: sub.Received})
	if err != nil {
		s.fail(w, r, casework.Receipt{}, &gather{}, err)
		return
	}
	var lines gather
	sub.Each = lines.add
	receipt, err := intake.Take(ctx, sub, reader)
	if err == nil && sub.ID != "" {
		err = s.Store.RecountReceipt(ctx, sub.ID)
	}
	// The key is free before the answer: who has that may send the same again.
	if kept := release(); !kept && err == nil {
		sub.ID, err = receipt.ID, s.Store.RecountReceipt(ctx, receipt.ID)
	}
	if err == nil && sub.ID != "" {
		s.answerStored(w, r, sub.ID)
		return
	}
	s.Metrics.done(began)
	if err != nil {
		s.fail(w, r, receipt, &lines, err)
		return
	}
	a := answer(receipt)
	a.Quality = quality
	lines.into(&a)
	s.answer(w, r, a)
}

// under puts a submission under its idempotency key: nothing else is read under
// that until release. What was answered under it before is answered again; what
// broke off goes on with its receipt.
func (s *Server) under(w http.ResponseWriter, r *http.Request, sub *Submission, in io.Reader) (body io.Reader, release func() (kept bool), answered bool) {
	ctx := r.Context()
	if !keyForm.MatchString(sub.IdempotencyKey) {
		s.refuse(w, r, &access.Refusal{Status: http.StatusBadRequest, Type: "bad-idempotency-key", UserMessage: "The Idempotency-Key cannot be used.",
			DeveloperMessage: "Give up to 200 visible characters without spaces, such as a UUID."})
		return nil, nil, true
	}
	// The same again while the first is still being read, here or in another
	// process, would go on with its receipt, and one of the two would be told of
	// half.
	free, err := s.Store.ClaimKey(ctx, sub.Force, sub.IdempotencyKey)
	if err != nil {
		s.fail(w, r, casework.Receipt{}, &gather{}, err)
		return nil, nil, true
	}
	digest := sha256.New()
	body = io.TeeReader(in, digest)
	sub.RequestDigest = func() []byte {
		_, _ = io.Copy(io.Discard, body) // what follows the last record belongs to the body too
		return digest.Sum(nil)
	}
	earlier, err := s.Store.ReceiptByKey(ctx, sub.Force, sub.IdempotencyKey)
	switch {
	case err == nil && !earlier.CompletedAt.IsZero():
		free() // what is complete stays as it is
		s.replay(w, r, earlier, sub.RequestDigest)
		return nil, nil, true
	case err == nil:
		sub.ID = earlier.ID
	case !errors.Is(err, casework.ErrNotFound):
		free()
		s.refuse(w, r, access.Unavailable(err))
		return nil, nil, true
	}
	return body, sync.OnceValue(free), false
}

// replay gives the answer again that was given under an idempotency key.
func (s *Server) replay(w http.ResponseWriter, r *http.Request, earlier casework.Receipt, digest func() []byte) {
	if !bytes.Equal(digest(), earlier.RequestDigest) {
		s.refuse(w, r, &access.Refusal{Status: http.StatusUnprocessableEntity, Type: "idempotency-key-reused",
			UserMessage:      "The Idempotency-Key was used for another submission.",
			DeveloperMessage: "Use a new key for each submission, and the same one only to send the same body again."})
		return
	}
	w.Header().Set("Idempotent-Replayed", "true")
	s.answerStored(w, r, earlier.ID)
}

// answerStored answers from the ledger.
func (s *Server) answerStored(w http.ResponseWriter, r *http.Request, id string) {
	receipt, err := s.Store.Receipt(r.Context(), access.ForceOf(r.Context()), id)
	if err != nil {
		s.refuse(w, r, access.Unavailable(err))
		return
	}
	a := answer(receipt)
	status := casework.LineStatus("")
	if a.Complete = a.Records <= short; !a.Complete {
		status = casework.LineRejected
	}
	if a.Lines, err = s.Store.ReceiptLines(r.Context(), id, status, 0, short); err != nil {
		s.refuse(w, r, access.Unavailable(err))
		return
	}
	s.answer(w, r, a)
}

// fail answers for a submission that could not be taken to its end.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, receipt casework.Receipt, lines *gather, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody is there to read an answer
	}
	var refusal *access.Refusal
	var broken *fault
	var format FormatError
	var network interface{ Timeout() bool }
	switch {
	case errors.As(err, &broken):
		refusal = &access.Refusal{Status: broken.status, Type: broken.problem.Code, UserMessage: broken.problem.Message, DeveloperMessage: broken.problem.Action}
	case errors.As(err, &format):
		refusal = &access.Refusal{Status: http.StatusBadRequest, Type: "unknown-format", UserMessage: "There is no such format for your force.",
			DeveloperMessage: "Give ?format= with the name of a mapping that was agreed, or leave it out for your force's own."}
	case errors.Is(err, postgres.ErrKeyTaken):
		refusal = &access.Refusal{Status: http.StatusConflict, Type: "idempotency-key-in-use", RetryAfter: 2, UserMessage: "A submission under this Idempotency-Key is being taken.",
			DeveloperMessage: "Wait for Retry-After seconds and send the same again, to be given its answer."}
	case errors.As(err, &network) && network.Timeout() && !errors.Is(err, casework.ErrUnavailable):
		refusal = &access.Refusal{Status: http.StatusRequestTimeout, Type: "too-slow", UserMessage: "The body stopped coming.",
			DeveloperMessage: "Send the same again; records that were accepted will be answered as duplicates."}
	case errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, casework.ErrUnavailable): // a database that hangs up says so too
		refusal = &access.Refusal{Status: http.StatusBadRequest, Type: "ends-early", UserMessage: "The body ended before it was complete.",
			DeveloperMessage: "Send the same again; records that were accepted will be answered as duplicates."}
	default:
		refusal = access.Unavailable(fmt.Errorf("take submission %s: %w", receipt.ID, err))
	}
	if lines.total > 0 || !receipt.CompletedAt.IsZero() {
		a := answer(receipt)
		lines.into(&a)
		refusal.More = map[string]any{"submission": a}
	}
	s.refuse(w, r, refusal)
}

// answer gives a submission's answer with the status that fits it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, a Answer) {
	var first casework.ReceiptLine
	single := a.Records == 1 && a.Problem == nil && len(a.Lines) == 1
	if single {
		first = a.Lines[0]
	}
	refusal := &access.Refusal{UserMessage: "Nothing of this could be accepted.", DeveloperMessage: "See what is wrong with each record, and the action it asks for.",
		Type: "rejected", More: map[string]any{"submission": a}}
	switch {
	case a.Records == 0 && a.Problem == nil:
		refusal.Status, refusal.Type = http.StatusBadRequest, string(check.Empty)
		refusal.UserMessage, refusal.DeveloperMessage = check.Words(check.Empty, "")
	case a.Problem != nil && a.Accepted+a.Duplicate == 0:
		refusal.Status, refusal.Type = http.StatusBadRequest, a.Problem.Code
		refusal.UserMessage, refusal.DeveloperMessage = a.Problem.Message, a.Problem.Action
	case single && first.Status == casework.LineAccepted:
		location := "/v1/incidents/" + escaped(first.Reference)
		if first.Reply != 0 {
			location = a.Href
		}
		w.Header().Set("Location", location)
		writeJSON(w, http.StatusCreated, a)
		return
	case single && first.Status == casework.LineRejected:
		p := first.Problems[0]
		refusal.Type, refusal.UserMessage, refusal.DeveloperMessage = p.Code, p.Message, p.Action
		switch check.Code(p.Code) {
		case check.Malformed, check.EndsEarly:
			refusal.Status = http.StatusBadRequest
		case check.TooLarge:
			refusal.Status = http.StatusRequestEntityTooLarge
		case check.AnotherForce:
			refusal.Status = http.StatusForbidden
		case check.Conflict:
			refusal.Status = http.StatusConflict
		case check.UnknownEnquiry, check.UnknownEntry:
			refusal.Status = http.StatusNotFound
		default:
			refusal.Status = http.StatusUnprocessableEntity
		}
	case a.Accepted+a.Duplicate == 0:
		refusal.Status = http.StatusUnprocessableEntity
	default:
		writeJSON(w, http.StatusOK, a)
		return
	}
	refusal.Write(w, r)
}

// escaped puts a reference into a path, with its slashes.
func escaped(reference string) string { return (&url.URL{Path: reference}).EscapedPath() }

func (s *Server) postCheck(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	force := access.ForceOf(ctx)
	leave, ok := s.gates.enter(ctx, force)
	if !ok {
		s.tooMany(force, s.Limits.Wait).Write(w, r)
		return
	}
	defer leave()
	rules := check.Rules{Force: force, Now: s.Now()}
	in, err := body(w, r, s.Limits.Check)
	var reader Reader
	if err == nil {
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == "text/csv" || media == "application/csv" {
			reader, err = csvReader(r)(in, rules)
		} else {
			form, refusal := jsonForm(r)
			if refusal != nil {
				s.refuse(w, r, refusal)
				return
			}
			reader = canonical.NewReader(in, form, rules)
		}
	}
	var a Answer
	if err == nil {
		a, err = Check(reader, force, rules.Now, nil)
	}
	if err != nil {
		s.fail(w, r, casework.Receipt{}, &gather{}, err)
		return
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
