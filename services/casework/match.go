package casework

// Band says in one word how sure a match is.
type Band string

const (
	Certain  Band = "certain"
	Probable Band = "probable"
	Possible Band = "possible"
	None     Band = ""
)

// MatchID is the ledger's number for a match.
type MatchID int64

// MatchState says where a match stands.
type MatchState string

const (
	MatchOpen       MatchState = "open"       // waits for an administrator
	MatchUnsure     MatchState = "unsure"     // looked at; the force is to be asked
	MatchConfirmed  MatchState = "confirmed"  // a person said yes
	MatchDismissed  MatchState = "dismissed"  // a person said no
	MatchRetracted  MatchState = "retracted"  // was confirmed, and was wrong
	MatchSuperseded MatchState = "superseded" // a later revision or register no longer gives it
	MatchWithdrawn  MatchState = "withdrawn"  // the force withdrew the incident
)

// FactsChanged is the reason of an open match that somebody has judged before:
// police have said something new of that person since, so it is proposed again.
const FactsChanged = "the identity facts changed since it was judged"

// Live reports whether the match still asks something of somebody.
func (s MatchState) Live() bool {
	return s == MatchOpen || s == MatchUnsure || s == MatchConfirmed
}

// Verdict is what an administrator says of a match.
type Verdict string

const (
	VerdictConfirm Verdict = "confirm"
	VerdictDismiss Verdict = "dismiss"
	VerdictUnsure  Verdict = "unsure"
	VerdictRetract Verdict = "retract"
)

// Evidence explains a score, field by field. The bits of its steps add up to
// Bits exactly: they are added in order, in the same code that scores.
type Evidence struct {
	Model           string         `json:"model"` // hash of the weights used
	RegisterVersion int64          `json:"registerVersion,omitempty"`
	Prior           float64        `json:"prior"` // bits
	Steps           []EvidenceStep `json:"steps"`
	Bits            float64        `json:"bits"`        // log2 odds, prior included
	Probability     float64        `json:"probability"` // 0 to 1
	Band            Band           `json:"band,omitempty"`
	// RunnerUp is the next best person on the register, by number, with the margin in bits. Zero when there is none.
	RunnerUp PersonID `json:"runnerUp,omitempty"`
	Margin   float64  `json:"margin,omitempty"`
	// Decisive names the one field whose absence, from this comparison and the
	// runner-up's, would change the band: of several, the one that weighs most.
	// Empty when none alone would.
	Decisive string `json:"decisive,omitempty"`
}

// EvidenceStep is one comparison.
type EvidenceStep struct {
	Field string `json:"field"` // name, date of birth, PNC, CRO, address, sex …
	Level string `json:"level"` // the level of agreement, in words
	// Bits is log2(m/u) after the adjustment. Positive speaks for a match.
	Bits float64 `json:"bits"`
	// Adjustment is the part of Bits that rarity or a bound contributed.
	Adjustment float64 `json:"adjustment,omitempty"`
	Incident   string  `json:"incident,omitempty"` // the value police gave
	Register   string  `json:"register,omitempty"` // the value on the case record
}
