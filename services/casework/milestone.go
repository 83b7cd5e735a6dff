package casework

import "time"

// Reached says that a match came to a stage. Since is when the stage's clock
// began; when it is zero, the ledger knows (see each [Stage]).
type Reached struct {
	Match MatchID
	Stage Stage
	At    time.Time
	Since time.Time
}

// Milestone is the first time that a match reached a stage, and how long that
// took on either clock. It is recorded once for each match and stage; whoever
// recorded it shows it to the histograms after the commit.
type Milestone struct {
	Match    MatchID
	Stage    Stage
	Priority Priority
	PDU      string
	At       time.Time
	Elapsed  time.Duration
	Working  time.Duration
}
