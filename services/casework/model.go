package casework

import (
	"encoding/json"
	"fmt"
	"time"
)

// Model is the weights by which people are compared, as they are kept.
type Model struct {
	Hash string `json:"hash"`
	// Weights are those that linkage.ReadModel reads.
	Weights []byte `json:"-"`
	// Origin is ModelShipped, ModelLearnt or ModelGiven.
	Origin string `json:"origin"`
	By     string `json:"by"`
	// Figures are what was measured when it was learnt.
	Figures json.RawMessage `json:"figures,omitempty"`
	At      time.Time       `json:"at"`
}

// Where a model came from.
const (
	ModelShipped = "shipped" // with the program
	ModelLearnt  = "record"  // from what is on the record
	ModelGiven   = "file"
)

// Terms are what matchers settle by beside the register and the model that was
// activated: what they were started with. All of an installation settle by the
// terms of the one that was started with other terms last.
type Terms struct {
	// Model is the hash of the model that ships with the program. It weighs
	// while none was activated.
	Model string
	// AfterSupervision is how many working days after the end of supervision an
	// incident may occur and still match.
	AfterSupervision int
	// Threshold is the probability from which a match is kept.
	Threshold float64
}

// String tells terms apart.
func (t Terms) String() string {
	return fmt.Sprintf("model %s, %d working days after supervision, from probability %g", t.Model, t.AfterSupervision, t.Threshold)
}

// Activation is that a model took the place of another.
type Activation struct {
	Model    string `json:"model"`
	Replaced string `json:"replaced"`
	By       string `json:"by"`
	Reason   string `json:"reason"`
	// Forced says that the figures were worse than the other's, or too few to tell.
	Forced bool `json:"forced"`
	// Figures are those of both, on the same labelled data.
	Figures json.RawMessage `json:"figures"`
	// RegisterVersion is what the register got with it: what was settled with
	// an older one is settled again.
	RegisterVersion int64     `json:"registerVersion"`
	At              time.Time `json:"at"`
}

// Seen is a person in an incident whose facts are still held, with what people
// said of who it is.
type Seen struct {
	Incident IncidentID
	Identity Identity
	// Confirmed and Dismissed are whom somebody, having seen both identities as
	// they are now, said it is and is not. A dismissal that only followed from a
	// confirmation is not among them.
	Confirmed, Dismissed []PersonID
	// Whole tells that everybody who was in an incident at that time is still
	// held, found or not. What is held of an earlier time was mostly found.
	Whole bool
}
