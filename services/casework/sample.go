package casework

import (
	"slices"
	"time"
)

// SampleQuestions are what a manager asks of each piece of closed work in a
// sample, in the order in which they are asked.
var SampleQuestions = []string{"aware", "rationale", "risk", "safety", "oversight"}

// SampleOversight is the question that inspectors ask themselves: whether
// management oversight was effective.
const SampleOversight = "oversight"

// Findings on one question, and on a piece of work as a whole.
const (
	FindingPass    = "pass"
	FindingPartial = "partial"
	FindingFail    = "fail"
	FindingNone    = "none" // the question does not arise
)

// ValidFinding reports whether a question, or with whole a piece of work, can be
// found so.
func ValidFinding(f string, whole bool) bool {
	return slices.Contains([]string{FindingPass, FindingPartial, FindingFail}, f) || !whole && f == FindingNone
}

// Sample is a draw of closed work to be looked at again. The same seed draws the
// same from the same record.
type Sample struct {
	ID           int64
	DrawnAt      time.Time
	DrawnBy      string // account.subject
	Seed         int64
	Size         int
	Population   int // how many there were to draw from
	PDU          string
	Practitioner string // staff code; empty: all of them
	Kind         Kind   // empty: arrests and incidents
	From, To     time.Time
}
