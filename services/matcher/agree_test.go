package matcher

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

var (
	states   = []casework.MatchState{"open", "unsure", "confirmed", "dismissed", "retracted", "superseded", "withdrawn"}
	verdicts = []casework.Verdict{"", "", "confirm", "dismiss", "unsure", "retract"}
	roles    = []casework.Role{"suspect", "victim"}
	digests  = []string{"facts", "other facts"}
	bands    = []casework.Band{"certain", "probable", "possible"}
)

// anyStanding draws an incident with matches in any state, on people some of
// whom were merged into others.
func anyStanding(t *rapid.T) casework.Standing {
	s := casework.Standing{Incident: 1, Revisions: []casework.Filed{{Number: rapid.IntRange(1, 3).Draw(t, "head")}}}
	taken := map[string]bool{}
	for i := range rapid.IntRange(0, 6).Draw(t, "matches") {
		m := casework.Match{ID: casework.MatchID(i + 1), Incident: 1,
			Involvement: rapid.IntRange(1, 3).Draw(t, "involvement"), Position: rapid.IntRange(1, 3).Draw(t, "position"),
			Revision: 1, Role: rapid.SampledFrom(roles).Draw(t, "role"),
			Person: casework.PersonID(rapid.IntRange(1, 4).Draw(t, "person")), State: rapid.SampledFrom(states).Draw(t, "state"),
			IdentityDigest: rapid.SampledFrom(digests).Draw(t, "digest"),
			Evidence:       casework.Evidence{Bits: 1, Band: rapid.SampledFrom(bands).Draw(t, "band")},
			Judged:         casework.Judged{Verdict: rapid.SampledFrom(verdicts).Draw(t, "verdict"), IdentityDigest: "facts", Reason: "because"}}
		m.Current = merged(m.Person)
		if key := fmt.Sprint(m.Involvement, m.Person); !taken[key] { // the table allows one of each
			taken[key] = true
			s.Matches = append(s.Matches, m)
		}
	}
	return s
}

// merged: person 4 has been merged into person 1.
func merged(p casework.PersonID) casework.PersonID {
	if p == 4 {
		return 1
	}
	return p
}

func anySightings(t *rapid.T) (all []sighting) {
	for i := range rapid.IntRange(0, 3).Draw(t, "persons") {
		v := sighting{number: i + 1, position: i + 1, role: rapid.SampledFrom(roles).Draw(t, "role"), digest: rapid.SampledFrom(digests).Draw(t, "digest")}
		for person := range casework.PersonID(3) {
			if person > 0 && rapid.Bool().Draw(t, "found") {
				v.found = append(v.found, linkage.Candidate{Person: person,
					Evidence: casework.Evidence{Bits: rapid.Float64Range(0, 20).Draw(t, "bits"), Band: rapid.SampledFrom(bands).Draw(t, "band")}})
			}
		}
		all = append(all, v)
	}
	return all
}

// after is the standing once the store has written the changes.
func after(s casework.Standing, changes []casework.MatchChange) casework.Standing {
	matches := append([]casework.Match(nil), s.Matches...)
	for _, c := range changes {
		if c.ID == 0 {
			c.ID = casework.MatchID(100 + len(matches))
			matches = append(matches, c.Match)
			continue
		}
		for i := range matches {
			if matches[i].ID == c.ID {
				matches[i] = c.Match
			}
		}
	}
	s.Matches = matches
	return s
}

// onRegister: supervision of person 3 ended long ago.
func onRegister(p casework.PersonID) bool { return p == 1 || p == 2 }

func TestAskedAgainAgreeChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, sightings := anyStanding(t), anySightings(t)
		changes, concerns := agree(s, sightings, onRegister)
		then := after(s, changes)
		again, still := agree(then, sightings, onRegister)
		if len(again) > 0 || still != concerns {
			t.Fatalf("asked again it changes %d matches, first: %s", len(again), cmp.Diff(then.Matches, after(then, again).Matches))
		}
	})
}

func TestNobodyHasTwoLiveMatchesInOnePlaceAndNothingLivesUnfounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, sightings := anyStanding(t), anySightings(t)
		changes, concerns := agree(s, sightings, onRegister)
		live := map[string]int{}
		for _, m := range after(s, changes).Matches {
			if !m.State.Live() {
				continue
			}
			live[fmt.Sprint(m.Involvement, m.Current)]++
			var in *sighting
			for i := range sightings {
				if sightings[i].number == m.Involvement {
					in = &sightings[i]
				}
			}
			switch {
			case in == nil:
				t.Fatalf("match %d lives, and its person has left the incident", m.ID)
			case !concerns:
				t.Fatalf("match %d lives, and the incident is said to concern nobody", m.ID)
			case m.Revision != s.Revisions[0].Number || m.Position != in.position || m.Role != in.role:
				t.Fatalf("match %d lives in an earlier revision", m.ID)
			case m.State == casework.MatchConfirmed && m.Judged.Verdict != casework.VerdictConfirm && notBefore(s, m):
				t.Fatalf("match %d is confirmed by nobody", m.ID)
			}
		}
		for who, n := range live {
			if n > 1 {
				t.Fatalf("%s has %d live matches", who, n)
			}
		}
	})
}

// notBefore reports that a match was not confirmed before either.
func notBefore(s casework.Standing, m casework.Match) bool {
	for _, o := range s.Matches {
		if o.ID == m.ID && o.State == casework.MatchConfirmed {
			return false
		}
	}
	return true
}

func TestAJudgementOfTheseFactsStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, sightings := anyStanding(t), anySightings(t)
		changes, _ := agree(s, sightings, onRegister)
		for _, m := range after(s, changes).Matches {
			if m.Judged.Verdict != casework.VerdictDismiss && m.Judged.Verdict != casework.VerdictRetract {
				continue
			}
			for _, v := range sightings {
				if v.number == m.Involvement && v.digest == m.Judged.IdentityDigest && m.State.Live() && given(v, m.Current) {
					t.Fatalf("match %d is %s, although somebody said %s of these facts", m.ID, m.State, m.Judged.Verdict)
				}
			}
		}
	})
}

func given(v sighting, person casework.PersonID) bool {
	for _, c := range v.found {
		if c.Person == person {
			return true
		}
	}
	return false
}
