package casework

import "time"

// Inspection answers, from the record, what inspectors ask of files. It counts
// and names nobody.
type Inspection struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Areas are the PDUs by code, with all of them together first, under no code.
	Areas []InspectedArea `json:"areas"`
	// Uncounted is what has changed and is not in it yet.
	Uncounted Uncounted `json:"uncounted"`
}

// Uncounted are changes that reports do not count yet: after an import there may
// be many for some minutes.
type Uncounted struct {
	Changes int `json:"changes"` // as lists count: no further than a little over a thousand
	// Since is when the oldest of them was made; nil where there is none.
	Since *time.Time `json:"since,omitempty"`
}

// InspectedArea is one PDU, or all. What concerns work is about people found in
// incidents in the period, with what has become of it until now; response times
// are of stages that were reached in the period.
type InspectedArea struct {
	PDU  string `json:"pdu"` // empty: all of them
	Name string `json:"name"`

	Found     int `json:"found"` // people found in incidents
	Confirmed int `json:"confirmed"`
	Dismissed int `json:"dismissed"`
	Unjudged  int `json:"unjudged"`

	Reviews       int `json:"reviews"`       // asked of a practitioner
	Aware         int `json:"aware"`         // acknowledged by one
	Decided       int `json:"decided"`       // a decision is recorded
	RiskChanged   int `json:"riskChanged"`   // among the decided
	Consulted     int `json:"consulted"`     // a manager was, among the decided
	ToCountersign int `json:"toCountersign"` // had to be
	Countersigned int `json:"countersigned"`
	Flagged       int `json:"flagged"` // the facts changed, or the match was wrong
	Escalated     int `json:"escalated"`

	VictimStaffAsked int `json:"victimStaffAsked"`
	VictimStaffTold  int `json:"victimStaffTold"`

	// Sampled is closed work of the period's matches that somebody looked at
	// again, by what they found of it as a whole.
	Sampled        int `json:"sampled"`
	SampledPass    int `json:"sampledPass"`
	SampledPartial int `json:"sampledPartial"`
	SampledFail    int `json:"sampledFail"`
	// OversightAsked is how often it was judged whether management oversight was
	// effective, and OversightEffective how often it was.
	OversightAsked     int `json:"oversightAsked"`
	OversightEffective int `json:"oversightEffective"`

	// Actions are the actions that still stand, by rule.
	Actions []InspectedAction `json:"actions"`
	// Asked are the items of checklists, by rule.
	Asked []InspectedItem `json:"asked"`
	// Stages are the response times.
	Stages []InspectedStage `json:"stages"`

	Open    int `json:"open"` // now
	Overdue int `json:"overdue"`
	// OldestSeconds is the age of the oldest open action.
	OldestSeconds float64 `json:"oldestSeconds"`
}

// InspectedAction is how far the actions of one rule have come.
type InspectedAction struct {
	Rule         string `json:"rule"`
	Raised       int    `json:"raised"`
	Acknowledged int    `json:"acknowledged"`
	Done         int    `json:"done"`
}

// InspectedItem is how one thing to think of was answered.
type InspectedItem struct {
	Rule       string `json:"rule"`
	Asked      int    `json:"asked"`
	Done       int    `json:"done"`
	NotNeeded  int    `json:"notNeeded"`
	Unanswered int    `json:"unanswered"`
}

// InspectedStage is how long one stage took, on both clocks, in seconds.
type InspectedStage struct {
	Stage         Stage   `json:"stage"`
	Reached       int     `json:"reached"`
	Median        float64 `json:"median"`
	Ninetieth     float64 `json:"ninetieth"`
	WorkingMedian float64 `json:"workingMedian"`
	WorkingNinety float64 `json:"workingNinetieth"`
}
