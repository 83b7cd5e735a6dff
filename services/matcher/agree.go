package matcher

import (
	"math"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Why a match stands where it stands. They are shown to people, and say
// nothing personal.
const (
	reasonWithdrawn = "the force withdrew the incident"
	reasonGone      = "the person is no longer in the incident"
	reasonBelow     = "the facts no longer make a match"
	reasonMerged    = "merged"
	reasonFacts     = casework.FactsChanged
)

// sighting is one person of the newest revision with what the register says.
type sighting struct {
	number   int // lasting
	position int // from 1
	role     casework.Role
	digest   string
	found    []linkage.Candidate
}

// agree says which matches have to change so that they agree with the newest
// revision and the register, and whether the incident concerns anybody. It
// depends on the present state alone, so that it may be asked in any order and
// any number of times; asked again, it changes nothing.
//
// A match on somebody who is not on the register any more (onRegister says so)
// cannot be scored, and stays as it is: supervision that ends ends no work.
func agree(s casework.Standing, sightings []sighting, onRegister func(casework.PersonID) bool) (changes []casework.MatchChange, concerns bool) {
	head := s.Revisions[0].Number
	for _, v := range sightings {
		var rows []casework.Match
		for _, m := range s.Matches {
			if m.Involvement == v.number {
				rows = append(rows, m)
			}
		}
		settled := map[casework.MatchID]bool{}
		for _, c := range v.found {
			concerns = true
			row, others := standFor(c.Person, rows, func(m casework.Match) bool {
				state, _ := judgedState(m, v.digest)
				return state == casework.MatchConfirmed
			})
			if row.ID == 0 {
				row = casework.Match{Incident: s.Incident, Involvement: v.number, Person: c.Person, Current: c.Person}
			}
			changes = change(changes, row, found(row, c, v, head))
			settled[row.ID] = true
			for _, m := range others {
				if m.State.Live() {
					changes = change(changes, m, ended(m, casework.MatchSuperseded, reasonMerged))
				}
				settled[m.ID] = true
			}
		}
		var kept []casework.Match
		for _, m := range rows {
			if settled[m.ID] || !m.State.Live() {
				continue
			}
			// A person decides: what somebody confirmed of these very facts is not
			// for a change in the weights or the register to undo.
			decided := m.State == casework.MatchConfirmed && m.Judged.IdentityDigest == v.digest
			if decided || !onRegister(m.Current) {
				kept = append(kept, m)
				continue
			}
			changes = change(changes, m, ended(m, casework.MatchSuperseded, reasonBelow))
		}
		for _, m := range kept {
			concerns = true
			to := m
			to.Revision, to.Position, to.Role = head, v.position, v.role
			if stands, _ := standFor(m.Current, kept, isConfirmed); stands.ID != m.ID {
				to = ended(m, casework.MatchSuperseded, reasonMerged)
			}
			changes = change(changes, m, to)
		}
	}
	for _, m := range s.Matches {
		in := slices.ContainsFunc(sightings, func(v sighting) bool { return v.number == m.Involvement })
		if !in && m.State.Live() {
			changes = change(changes, m, ended(m, casework.MatchSuperseded, reasonGone))
		}
	}
	return changes, concerns
}

// withdraw ends every live match of an incident that the force withdrew.
func withdraw(s casework.Standing) (changes []casework.MatchChange) {
	for _, m := range s.Matches {
		if m.State.Live() {
			changes = change(changes, m, ended(m, casework.MatchWithdrawn, reasonWithdrawn))
		}
	}
	return changes
}

// standFor picks the match that stands for a person among those of one
// involvement. There are several when people were merged after both had
// matched: then the one that is to be confirmed, else the target's own, else the
// oldest.
func standFor(person casework.PersonID, rows []casework.Match, confirmed func(casework.Match) bool) (row casework.Match, others []casework.Match) {
	var same []casework.Match
	for _, m := range rows {
		if m.Current == person {
			same = append(same, m)
		}
	}
	if len(same) == 0 {
		return casework.Match{}, nil
	}
	rank := func(m casework.Match) int {
		switch {
		case confirmed(m):
			return 0
		case m.Person == person:
			return 1
		}
		return 2
	}
	slices.SortFunc(same, func(a, b casework.Match) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return int(a.ID - b.ID)
	})
	return same[0], same[1:]
}

func isConfirmed(m casework.Match) bool { return m.State == casework.MatchConfirmed }

// found is the match as it is to be when the register gives it.
func found(row casework.Match, c linkage.Candidate, v sighting, head int) casework.Match {
	to := row
	to.Revision, to.Position, to.Role = head, v.position, v.role
	to.State, to.StateReason = judgedState(row, v.digest)
	// What was judged keeps the evidence on which it was judged.
	if to.State == casework.MatchOpen || to.State == casework.MatchUnsure || row.ID == 0 {
		to.IdentityDigest = v.digest
		if row.IdentityDigest != v.digest || differs(row.Evidence, c.Evidence) {
			to.Evidence = c.Evidence
		}
	}
	return to
}

// judgedState is the state of a match that stands, by the last judgement.
func judgedState(row casework.Match, digest string) (casework.MatchState, string) {
	if row.Judged.Verdict == "" {
		return casework.MatchOpen, ""
	}
	if row.Judged.IdentityDigest != digest {
		return casework.MatchOpen, reasonFacts
	}
	return stateOf[row.Judged.Verdict], row.Judged.Reason
}

var stateOf = map[casework.Verdict]casework.MatchState{
	casework.VerdictConfirm: casework.MatchConfirmed,
	casework.VerdictDismiss: casework.MatchDismissed,
	casework.VerdictRetract: casework.MatchRetracted,
	casework.VerdictUnsure:  casework.MatchUnsure,
}

func ended(m casework.Match, state casework.MatchState, reason string) casework.Match {
	m.State, m.StateReason = state, reason
	return m
}

// differs leaves out what moves with every version of the register although
// nothing about the two people changed.
func differs(a, b casework.Evidence) bool {
	return a.Model != b.Model || a.Band != b.Band || math.Abs(a.Bits-b.Bits) > 1e-9
}

// change adds the match if it is not as it was. Readers are told of what
// concerns them: a new match, another state, band, revision or role.
func change(changes []casework.MatchChange, from, to casework.Match) []casework.MatchChange {
	moved := from.State != to.State || from.StateReason != to.StateReason
	restated := from.Evidence.Band != to.Evidence.Band || from.Revision != to.Revision || from.Role != to.Role
	rescored := to.ID == 0 || differs(from.Evidence, to.Evidence)
	small := from.Position != to.Position || from.IdentityDigest != to.IdentityDigest
	if !rescored && !moved && !restated && !small {
		return changes
	}
	was := from.ID != 0 && from.State.Live()
	tell := was && !to.State.Live() || to.State.Live() && (!was || from.State != to.State || restated)
	return append(changes, casework.MatchChange{Match: to, Rescored: rescored, Moved: moved || restated || small, Tell: tell})
}
