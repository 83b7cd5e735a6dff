package feed

import (
	"context"
	"io"
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// replyLedger lets what is no incident come in by the one path of all.
type replyLedger struct{ Store }

func (l replyLedger) Accept(ctx context.Context, b casework.Batch, conflict casework.Problem) ([]casework.ReceiptLine, error) {
	at := func(pointer string, code check.Code) casework.Problem {
		p := check.Problem(code, "")
		p.Pointer = pointer
		return p
	}
	return l.AcceptReplies(ctx, b, postgres.ReplyProblems{Conflict: conflict,
		UnknownEnquiry: at("/enquiry", check.UnknownEnquiry), UnknownEntry: at("/entry", check.UnknownEntry)})
}

// postReplies takes replies to enquiries, and outcomes of disclosures.
func (s *Server) postReplies(w http.ResponseWriter, r *http.Request) {
	form, refusal := jsonForm(r)
	if refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	s.submit(w, r, s.replies, nil, replyReader(form))
}

// checkReplies does everything that sending does but the commit. Whether the
// force was asked is for the ledger to say, so a check does not know.
func (s *Server) checkReplies(w http.ResponseWriter, r *http.Request) {
	form, refusal := jsonForm(r)
	if refusal != nil {
		s.refuse(w, r, refusal)
		return
	}
	s.check(w, r, replyReader(form), false)
}

func replyReader(form canonical.Form) opener {
	return func(in io.Reader, rules check.Rules) (Reader, error) {
		return canonical.NewReplies(in, form, rules), nil
	}
}

// Replies is the ledger's side for an [Intake] that takes replies, and not incidents.
func Replies(s Store) Ledger { return replyLedger{s} }
