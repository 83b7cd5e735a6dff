package casework

import "time"

// Pick says which incidents are to be settled.
type Pick struct {
	// At is the time on the matcher's clock. What is written then bears it.
	At time.Time
	// Incidents are those named by a nudge. The lock is waited for.
	Incidents []IncidentID
	// Else: those in flight since before StuckBefore, and those settled with a
	// register older than BehindOf; as many as Limit, and none that another
	// process has under its lock.
	StuckBefore time.Time
	BehindOf    int64
	Limit       int
}

// Settled says what was done with a pick.
type Settled struct {
	// Incidents are those that were locked, whatever became of them.
	Incidents []IncidentID
	// Found and Superseded count matches that readers were told of.
	Found, Superseded int
	// Dispositions count newest revisions by where they stand now, by force and kind.
	Dispositions map[DispositionKey]int
	// Milestones were reached for the first time.
	Milestones []Milestone
}

// DispositionKey is what settled revisions are counted by.
type DispositionKey struct {
	Force       string
	Kind        Kind
	Disposition Disposition
}

// Match says that a person in an incident is probably a person on probation.
type Match struct {
	ID       MatchID // 0 until it is on the record
	Incident IncidentID
	// Involvement is the lasting number of the person in the incident, over all its revisions.
	Involvement int
	// Position is where that person stands in Revision, from 1.
	Position int
	Revision int
	Role     Role
	// Person is who was found. The number is never rewritten: after a merge it
	// stands for Current.
	Person  PersonID
	Current PersonID
	State   MatchState
	// StateReason says why a match is superseded or was opened again.
	StateReason string
	Evidence    Evidence
	// IdentityDigest is that of the person in the incident when it was scored.
	IdentityDigest string
	// Judged is the last judgement, if there is one.
	Judged Judged
}

// Judged is what somebody last said of a match, why, and of which facts.
type Judged struct {
	Verdict        Verdict // empty: nobody has judged it, or it was undone
	Reason         string
	IdentityDigest string
}

// Standing is where an incident stands in the ledger, read under its lock.
type Standing struct {
	Incident IncidentID
	// Disposition and RegisterVersion are what the newest revision was last settled with.
	Disposition     Disposition
	RegisterVersion int64
	// Erased says that the newest revision's personal data is gone.
	Erased bool
	Status Status
	// Revisions are newest first. The first is the head: what is true now.
	Revisions []Filed
	// Matches are all that the incident has had, in any state.
	Matches []Match
}

// Filed is one revision as the ledger keeps it.
type Filed struct {
	Number int
	Body   []byte // canonical JSON of an Incident; nil once erased
	// Involvements is the lasting number of each person in the order received;
	// empty until the revision was settled.
	Involvements []int
}

// Settlement is what the matcher makes of an incident: the rows of the store
// are made to agree with it.
type Settlement struct {
	Incident        IncidentID
	Revision        int
	Disposition     Disposition
	RegisterVersion int64
	Involvements    []int
	// Matches are those to be added or changed; the others stand as they are.
	Matches []MatchChange
	// Head is the newest revision, for the priority of its matches; nil when
	// there are none to write.
	Head *Incident
	// Reason says why the incident is quarantined. It quotes nothing that was sent.
	Reason string
}

// MatchChange is a match as it is to be from now on.
type MatchChange struct {
	Match
	// Rescored says that the evidence is not the one on the record, and Moved
	// that more than the evidence has changed.
	Rescored, Moved bool
	// Tell says that readers of the stream must hear of it.
	Tell bool
}
