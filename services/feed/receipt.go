package feed

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// idForm is a receipt's id.
var idForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s *Server) getReceipt(w http.ResponseWriter, r *http.Request) {
	id, q := r.PathValue("id"), r.URL.Query()
	after, _ := strconv.Atoi(q.Get("after"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	if limit < 1 || limit > 1000 {
		limit = 1000
	}
	status := casework.LineStatus(q.Get("status"))
	switch status {
	case "", casework.LineAccepted, casework.LineDuplicate, casework.LineRejected:
	default:
		s.refuse(w, r, &access.Refusal{Status: http.StatusBadRequest, Type: "bad-status", UserMessage: "There is no such status of a line.",
			DeveloperMessage: "Use accepted, duplicate or rejected, or leave it out for all."})
		return
	}
	if !idForm.MatchString(id) {
		notFound.Write(w, r)
		return
	}
	receipt, err := s.Store.Receipt(r.Context(), access.ForceOf(r.Context()), id)
	var lines []casework.ReceiptLine
	if err == nil {
		lines, err = s.Store.ReceiptLines(r.Context(), id, status, max(0, after), limit+1)
	}
	if err != nil {
		s.missing(w, r, err)
		return
	}
	a := answer(receipt)
	a.Complete = true
	if len(lines) > limit {
		lines = lines[:limit]
		next := url.Values{"after": {strconv.Itoa(lines[limit-1].Line)}, "limit": {strconv.Itoa(limit)}}
		if status != "" {
			next.Set("status", string(status))
		}
		a.Complete, a.Next = false, a.Href+"?"+next.Encode()
	}
	if lines != nil {
		a.Lines = lines
	}
	writeJSON(w, http.StatusOK, a)
}

// closedAfter is when an incident is told to its force as closed. It depends on
// nothing but time, lest a force could read from it whether anyone was matched.
const closedAfter = 28 * 24 * time.Hour

// FiledIncident is what a force may know of an incident that it sent.
type FiledIncident struct {
	Force     string              `json:"force"`
	Reference string              `json:"reference"`
	ID        casework.IncidentID `json:"id"`
	// Status is that of the newest revision.
	Status    string          `json:"status"`
	Revisions []FiledRevision `json:"revisions"`
}

// FiledRevision is one of them, newest first.
type FiledRevision struct {
	Revision   int       `json:"revision"`
	Status     string    `json:"status"` // accepted, superseded, withdrawn or closed
	ReceivedAt time.Time `json:"receivedAt"`
	// Conflicts counts other contents sent under the same revision, and not resolved.
	Conflicts int `json:"conflicts,omitempty"`
}

func (s *Server) getIncident(w http.ResponseWriter, r *http.Request) {
	force, reference := access.ForceOf(r.Context()), r.PathValue("reference")
	if !check.GoodReference(reference) {
		notFound.Write(w, r)
		return
	}
	filed, err := s.Store.FiledRevisions(r.Context(), force, reference)
	if err != nil {
		s.missing(w, r, err)
		return
	}
	i := FiledIncident{Force: force, Reference: reference, ID: filed[0].Incident}
	for _, f := range filed {
		status := "accepted"
		switch {
		case !f.Newest:
			status = "superseded"
		case f.Status == casework.Withdrawn:
			status = "withdrawn"
		case s.Now().Sub(f.ReceivedAt) > closedAfter:
			status = "closed"
		}
		if f.Newest {
			i.Status = status
		}
		i.Revisions = append(i.Revisions, FiledRevision{Revision: f.Number, Status: status, ReceivedAt: f.ReceivedAt.UTC(), Conflicts: f.Conflicts})
	}
	writeJSON(w, http.StatusOK, i)
}
