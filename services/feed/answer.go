package feed

import (
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Answer is a receipt as a force reads it.
type Answer struct {
	Receipt string           `json:"receipt,omitempty"` // absent from a check, which leaves none
	Force   string           `json:"force"`
	Channel casework.Channel `json:"channel,omitempty"`
	// Status is successful, partial or failed; or open while the submission is being read.
	Status      string    `json:"status"`
	ReceivedAt  time.Time `json:"receivedAt"`
	CompletedAt time.Time `json:"completedAt,omitzero"`
	Records     int       `json:"records"`
	Accepted    int       `json:"accepted"`
	Duplicate   int       `json:"duplicate"`
	Rejected    int       `json:"rejected"`
	// Redacted counts accepted incidents in which nobody is named.
	Redacted int            `json:"redacted"`
	Dropped  map[string]int `json:"dropped,omitempty"`
	// Problem says why the submission as a whole ended early.
	Problem *casework.Problem `json:"problem,omitempty"`
	// Lines are all of a short submission's, and of a long one the first that
	// were rejected. The receipt's own address gives the rest.
	Lines []casework.ReceiptLine `json:"lines"`
	// Complete says that Lines leaves nothing out.
	Complete bool     `json:"complete"`
	Quality  *Quality `json:"quality,omitempty"`
	Href     string   `json:"href,omitempty"`
	Next     string   `json:"next,omitempty"`
}

// The outcomes of a submission as a whole.
const (
	Successful = "successful"
	Partial    = "partial"
	Failed     = "failed"
	Open       = "open"
)

// answer puts a receipt into an Answer without lines.
func answer(r casework.Receipt) Answer {
	a := Answer{
		Receipt: r.ID, Force: r.Force, Channel: r.Channel, ReceivedAt: r.ReceivedAt, CompletedAt: r.CompletedAt,
		Records: r.Accepted + r.Duplicate + r.Rejected, Accepted: r.Accepted, Duplicate: r.Duplicate, Rejected: r.Rejected,
		Redacted: r.Redacted, Dropped: r.Dropped, Problem: r.Problem, Lines: []casework.ReceiptLine{},
	}
	if r.ID != "" {
		a.Href = "/v1/receipts/" + r.ID
	}
	a.settle()
	return a
}

// settle works out the status.
func (a *Answer) settle() {
	switch taken := a.Accepted + a.Duplicate; {
	case a.CompletedAt.IsZero():
		a.Status = Open
	case taken == 0:
		a.Status = Failed
	case a.Rejected > 0 || a.Problem != nil:
		a.Status = Partial
	default:
		a.Status = Successful
	}
}

// Summary is the receipt as the command line and the API give it.
func Summary(r casework.Receipt) Answer { return answer(r) }

// short is how many lines an answer may have before only rejected ones are told.
const short = 100

// gather keeps the lines that an answer tells: all of a short submission,
// else the first that were rejected.
type gather struct {
	all      []casework.ReceiptLine
	rejected []casework.ReceiptLine
	total    int
}

func (g *gather) add(lines []casework.ReceiptLine) {
	for _, l := range lines {
		g.total++
		if len(g.all) < short {
			g.all = append(g.all, l)
		}
		if l.Status == casework.LineRejected && len(g.rejected) < short {
			g.rejected = append(g.rejected, l)
		}
	}
}

// into puts the lines into the answer.
func (g *gather) into(a *Answer) {
	a.Complete = g.total <= short
	a.Lines = g.rejected
	if a.Complete {
		a.Lines = g.all
	}
	if a.Lines == nil {
		a.Lines = []casework.ReceiptLine{}
	}
}
