package events

// Match names a match: who in which revision of which incident.
type Match struct {
	MatchID    int64 `json:"matchId"`
	IncidentID int64 `json:"incidentId"`
	Revision   int   `json:"revision"`
	PersonID   int64 `json:"personId"`
}

// The six things that can happen to a match.
type (
	// MatchFound: the matcher has found it, or a later revision or register has
	// changed its band or its evidence.
	MatchFound Match
	// MatchConfirmed: a person said yes.
	MatchConfirmed Match
	// MatchDismissed: a person said no.
	MatchDismissed Match
	// MatchRetracted: a person takes a confirmation back.
	MatchRetracted Match
	// MatchSuperseded: a later revision, withdrawal or register no longer gives it.
	MatchSuperseded Match
	// MatchUpdated: it stands as it stood, and something that its work follows has
	// changed: the revision it is in, its transfer, a reply that was read, who has
	// the case.
	MatchUpdated Match
)

func (MatchFound) Subject() string      { return "matches.found" }
func (MatchConfirmed) Subject() string  { return "matches.confirmed" }
func (MatchDismissed) Subject() string  { return "matches.dismissed" }
func (MatchRetracted) Subject() string  { return "matches.retracted" }
func (MatchSuperseded) Subject() string { return "matches.superseded" }
func (MatchUpdated) Subject() string    { return "matches.updated" }

func (MatchFound) EventType() string      { return "reportable.match.found" }
func (MatchConfirmed) EventType() string  { return "reportable.match.confirmed" }
func (MatchDismissed) EventType() string  { return "reportable.match.dismissed" }
func (MatchRetracted) EventType() string  { return "reportable.match.retracted" }
func (MatchSuperseded) EventType() string { return "reportable.match.superseded" }
func (MatchUpdated) EventType() string    { return "reportable.match.updated" }
