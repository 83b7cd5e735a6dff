package events

// Action names an action and where it belongs, so that a reader can pass over
// those of another PDU without fetching them.
type Action struct {
	ActionID   int64  `json:"actionId"`
	MatchID    int64  `json:"matchId"`
	IncidentID int64  `json:"incidentId"`
	PersonID   int64  `json:"personId"`
	PDU        string `json:"pdu"`
	Priority   string `json:"priority"` // urgent, high or standard
}

// What can happen to an action.
type (
	// ActionRaised: somebody has something to do.
	ActionRaised Action
	// ActionAcknowledged: its owner has seen it.
	ActionAcknowledged Action
	// ActionEscalated: it was late, and the next level has it.
	ActionEscalated Action
	// ActionClosed: it is done, or nothing is left to do.
	ActionClosed Action
	// DecisionRecorded: a decision on it was recorded or countersigned.
	DecisionRecorded Action
)

func (ActionRaised) Subject() string       { return "actions.raised" }
func (ActionAcknowledged) Subject() string { return "actions.acknowledged" }
func (ActionEscalated) Subject() string    { return "actions.escalated" }
func (ActionClosed) Subject() string       { return "actions.closed" }
func (DecisionRecorded) Subject() string   { return "decisions.recorded" }

func (ActionRaised) EventType() string       { return "reportable.action.raised" }
func (ActionAcknowledged) EventType() string { return "reportable.action.acknowledged" }
func (ActionEscalated) EventType() string    { return "reportable.action.escalated" }
func (ActionClosed) EventType() string       { return "reportable.action.closed" }
func (DecisionRecorded) EventType() string   { return "reportable.decision.recorded" }
