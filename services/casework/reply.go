package casework

import (
	"log/slog"
	"time"
)

// What a force tells besides incidents.
const (
	// KindEnquiryReply answers what probation asked.
	KindEnquiryReply Kind = "enquiry-reply"
	// KindDisclosureOutcome says what became of an application under the
	// disclosure scheme (DVDS).
	KindDisclosureOutcome Kind = "disclosure-outcome"
)

// Reply is one revision of an answer to an enquiry, or of the outcome of a
// disclosure, in the canonical form of version 1. Its JSON is what a force sends
// and what the ledger keeps.
type Reply struct {
	Force     string `json:"force"`
	Reference string `json:"reference"`
	Revision  int    `json:"revision"`
	Status    Status `json:"status"`
	Kind      Kind   `json:"kind"`
	// Enquiry is the number of the enquiry that it answers.
	Enquiry string `json:"enquiry,omitempty"`
	// Entry is the watch list's, of whom a disclosure was about that was not
	// applied for through here.
	Entry string `json:"entry,omitempty"`
	// Answer and Text are an enquiry's; Incidents are references of the force.
	Answer    string    `json:"answer,omitempty"`
	Text      string    `json:"text,omitempty"`
	Incidents []string  `json:"incidents,omitempty"`
	RepliedAt time.Time `json:"repliedAt,omitzero"`
	// Outcome, DecidedOn and DecidedBy are a disclosure's. There is no room in
	// it for words: they would name whom it protects.
	Outcome   string `json:"outcome,omitempty"`
	DecidedOn Date   `json:"decidedOn,omitzero"`
	DecidedBy string `json:"decidedBy,omitempty"`
}

// Answers to an enquiry, and outcomes of a disclosure. Those that are pending
// leave it open.
var (
	Answers   = []string{"information", "nothing-held", "refused", "pending"}
	Outcomes  = []string{"disclosed", "not-disclosed", "application-withdrawn", "pending"}
	Deciders  = []string{"panel", "inspector", "chief-inspector", "superintendent", "public-protection", "other"}
	replyOpen = "pending"
)

// Final reports whether the force has nothing more to say.
func (r *Reply) Final() bool { return r.Answer != replyOpen && r.Outcome != replyOpen }

// LogValue gives the reply by its key.
func (r Reply) LogValue() slog.Value {
	return slog.GroupValue(slog.String("force", r.Force), slog.String("reference", r.Reference), slog.Int("revision", r.Revision))
}

// String keeps what it says out of error texts and test output.
func (r Reply) String() string { return "reply " + r.Force + "/" + r.Reference }
