package feed

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// keyForm is what an idempotency key may be.
var keyForm = regexp.MustCompile(`^[\x21-\x7e]{1,200}$`)

// submit takes a submission, whatever its format. Of a file it says how good the
// data are, too.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, intake *Intake, quality *Quality, open opener) {
	ctx, began := r.Context(), time.Now()
	force := access.ForceOf(ctx)
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
