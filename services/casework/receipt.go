package casework

import (
	"log/slog"
	"time"
)

// Record is one thing that a force sent: an incident, or a reply with its key
// in the incident's place, with whatever is wrong
// with it. A record with problems is rejected as a whole, for half an incident
// would hide someone.
type Record struct {
	// Number is where it stood: the line of a CSV, the position in JSON, both from 1.
	Number   int
	Incident Incident
	Reply    *Reply // nil for an incident
	Problems []Problem
}

// LogValue gives a record by its place and key.
func (r Record) LogValue() slog.Value {
	return slog.GroupValue(slog.Int("record", r.Number), slog.Any("incident", r.Incident), slog.Int("problems", len(r.Problems)))
}

// Problem says why a record was rejected, where, and what the force must do
// about it. It never holds a value that was sent.
type Problem struct {
	// Pointer is the field as a JSON pointer into the record. Empty for a CSV.
	Pointer string `json:"pointer,omitempty"`
	// Row and Column are the place in a CSV: the line, from 1, and the heading.
	Row    int    `json:"row,omitempty"`
	Column string `json:"column,omitempty"`
	// Code is one of a closed list, for machines.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Action is what is required of the force.
	Action string `json:"action"`
}

// LineStatus is what was answered for one record.
type LineStatus string

const (
	LineAccepted  LineStatus = "accepted"  // in the ledger, committed
	LineDuplicate LineStatus = "duplicate" // was there before, the same
	LineRejected  LineStatus = "rejected"  // not taken; its problems say why
)

// ReceiptLine is the answer for one record.
type ReceiptLine struct {
	Line      int        `json:"line"`   // 1, 2, 3 … as answered
	Record    int        `json:"record"` // where it stood in what was sent
	Reference string     `json:"reference,omitempty"`
	Revision  int        `json:"revision,omitempty"`
	Status    LineStatus `json:"status"`
	// Incident is the ledger's lasting number for (force, reference).
	Incident IncidentID `json:"id,omitempty"`
	// Reply is that of a reply, in the incident's place.
	Reply    ReplyID   `json:"replyId,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
}

// Receipt is the answer to one submission.
type Receipt struct {
	ID             string
	Force          string
	Channel        Channel
	IdempotencyKey string
	// RequestDigest is a hash of the body that was sent under the key.
	RequestDigest []byte
	ReceivedAt    time.Time
	// CompletedAt is zero while a long submission is still being read, and for
	// ever when it broke off.
	CompletedAt time.Time
	Accepted    int
	Duplicate   int
	Rejected    int
	// Redacted counts accepted incidents that name no party.
	Redacted int
	// Dropped counts unknown fields, which were not kept.
	Dropped map[string]int
	// Problem says why the submission as a whole ended early.
	Problem *Problem
}

// Channel is the way by which a submission came.
type Channel string

const (
	ChannelHTTP        Channel = "http"
	ChannelFile        Channel = "file"
	ChannelCommandLine Channel = "command line"
)

// Entry is a record made ready for the ledger.
type Entry struct {
	Line   int
	Record Record
	// Body is the incident in canonical JSON, and Digest a keyed hash of it.
	// Both are empty for a rejected record.
	Body   []byte
	Digest []byte
}

// Batch is a part of a submission that is committed at once.
type Batch struct {
	// Receipt is the submission's, with the counts of this batch alone left to
	// the ledger.
	Receipt *Receipt
	Entries []Entry
	// Last says that nothing follows.
	Last bool
	// At is when the batch was received. Zero is the database's now.
	At time.Time
}
