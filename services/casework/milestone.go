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

// Target is by when a match of a priority is to have come to a stage.
type Target struct {
	Stage    Stage
	Priority Priority
	Within   time.Duration
	// Elapsed is counted on the wall clock, else in working time.
	Elapsed bool
}

// ResponseTime is how long one stage took for matches of one priority in a
// period, on the clock on which it is measured.
type ResponseTime struct {
	Stage     Stage
	Priority  Priority
	Reached   int
	Median    time.Duration
	Ninetieth time.Duration
	Elapsed   bool // on the wall clock, else in working time
	// Target is zero where there is none, and InTime how many kept it.
	Target time.Duration
	InTime int
}
