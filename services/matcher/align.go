package matcher

import (
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// somebody is one person of an earlier revision, under their lasting number.
type somebody struct {
	number   int
	digest   string
	role     casework.Role
	position int
}

// align gives each person of the newest revision a lasting number: the one that
// the same person had in an earlier revision, else the next that is free. The
// same is who has the same identity facts; then who matches the same person on
// probation; then who stands in the same place in the same role.
//
// The numbers matter because judgements hang on them. A wrong one costs an
// administrator a second look and never a wrong effect: what carries over is
// tied to the identity facts as well.
func align(persons []casework.Involvement, earlier []somebody, found [][]linkage.Candidate, matches []casework.Match) []int {
	numbers := make([]int, len(persons))
	free := slices.Clone(earlier)
	take := func(i int, same func(somebody) bool) {
		if numbers[i] != 0 {
			return
		}
		if k := slices.IndexFunc(free, same); k >= 0 {
			numbers[i] = free[k].number
			free = slices.Delete(free, k, k+1)
		}
	}
	digests := make([]string, len(persons))
	for i, p := range persons {
		digests[i] = p.Identity().Digest()
	}
	// Somebody given twice, as arrested and as victim, has one digest and two
	// numbers, so the likeness that tells more goes first.
	for i, p := range persons {
		take(i, func(s somebody) bool { return s.digest == digests[i] && s.role == p.Role && s.position == i+1 })
	}
	for i, p := range persons {
		take(i, func(s somebody) bool { return s.digest == digests[i] && s.role == p.Role })
	}
	for i := range persons {
		take(i, func(s somebody) bool { return s.digest == digests[i] })
	}
	matched := func(number int, c linkage.Candidate) bool {
		return slices.ContainsFunc(matches, func(m casework.Match) bool {
			return m.Involvement == number && m.Current == c.Person
		})
	}
	for i := range persons {
		for _, c := range found[i] {
			take(i, func(s somebody) bool { return matched(s.number, c) })
		}
	}
	for i, p := range persons {
		take(i, func(s somebody) bool { return s.role == p.Role && s.position == i+1 })
	}
	for i, p := range persons {
		take(i, func(s somebody) bool { return s.role == p.Role })
	}

	last := 0
	for _, s := range earlier {
		last = max(last, s.number)
	}
	for _, m := range matches {
		last = max(last, m.Involvement)
	}
	for i := range numbers {
		if numbers[i] == 0 {
			last++
			numbers[i] = last
		}
	}
	return numbers
}

// everybody lists who was in the revisions that have numbers, the newest
// sighting of each first. Whoever has left the incident is kept, so that they
// get their number back when they return.
func everybody(revisions []casework.Filed) []somebody {
	var all []somebody
	for _, r := range revisions {
		if len(r.Involvements) == 0 {
			continue
		}
		in, err := decode(r.Body)
		if err != nil {
			in = casework.Incident{} // erased: the numbers remain, the likeness does not
		}
		for i, number := range r.Involvements {
			if slices.ContainsFunc(all, func(s somebody) bool { return s.number == number }) {
				continue
			}
			s := somebody{number: number, position: i + 1}
			if i < len(in.Persons) {
				s.digest = in.Persons[i].Identity().Digest()
				s.role = in.Persons[i].Role
			}
			all = append(all, s)
		}
	}
	return all
}
