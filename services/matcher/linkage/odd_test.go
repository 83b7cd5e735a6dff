package linkage_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// odd is somebody written down as few are: parts of the name missing, of
// several parts, or in one word; aliases of every kind; half a date.
func (c crowd) odd(i casework.Identity) casework.Identity {
	some := func(n int) bool { return c.r.IntN(n) == 0 }
	if some(8) {
		i.Forenames = ""
	}
	if some(12) {
		i.Surname = ""
	}
	if some(6) {
		i.Surname += " " + c.skewed(crowdSurnames)
	}
	if some(20) {
		i.Surname = "Smithjones"
	}
	if some(20) {
		i.Surname = "Davidjohn"
	}
	for some(3) {
		i.Forenames += " " + c.skewed(crowdForenames)
	}
	if some(6) {
		i.Forenames = c.skewed(crowdSurnames) + " " + i.Forenames
	}
	for some(3) {
		i.Aliases = append(i.Aliases, c.skewed(crowdForenames))
	}
	for some(4) {
		i.Aliases = append(i.Aliases, c.skewed(crowdForenames)+" "+c.skewed(crowdForenames)+" "+c.skewed(crowdSurnames))
	}
	if some(10) {
		i.Surname = c.skewed(crowdForenames) + " " + c.skewed(crowdForenames)
	}
	if some(10) {
		i.DateOfBirth = casework.Date{Year: i.DateOfBirth.Year}
	}
	if some(15) {
		i.DateOfBirth = casework.Date{}
	}
	if some(15) {
		i.Place.Postcode = ""
	}
	if some(15) {
		i.Place.Address = ""
	}
	if some(8) {
		i.Forenames = i.Forenames[:min(1, len(i.Forenames))]
	}
	if some(15) {
		i.NOMS = fmt.Sprintf("A%04dBC", c.r.IntN(300))
	}
	return i
}

// subject adds what other registers state: a town, an occupation, an account,
// and birthdays of another century.
func (c crowd) subject(i casework.Identity) linkage.Subject {
	some := func(n int) bool { return c.r.IntN(n) == 0 }
	s := linkage.Subject{Identity: i}
	if !some(4) { // a town for each birthday, so that it is mostly the same one when somebody is asked for
		day := i.DateOfBirth.Day*12 + int(i.DateOfBirth.Month)
		s.Town = "Llan" + string(rune('a'+day%26)) + []string{"beris", "bares", "fair", "goed"}[day%4]
	}
	if some(2) {
		s.Occupation = []string{"baker", "farmer", "former"}[c.r.IntN(3)]
	}
	if some(3) {
		s.Others = append(s.Others, fmt.Sprintf("someone%d@a.example", c.r.IntN(200)))
	}
	if some(8) && s.DateOfBirth.Year > 0 {
		s.DateOfBirth.Year -= 300
	}
	return s
}

// model has the default model's weights drawn about, as training may draw them
// and further.
func (c crowd) model(t *testing.T, far float64) *linkage.Model {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(linkage.Default().JSON(), &m); err != nil {
		t.Fatal(err)
	}
	fields := m["fields"].(map[string]any)
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		for _, level := range fields[field].([]any) {
			level := level.(map[string]any)
			for _, k := range []string{"m", "u"} {
				level[k] = min(1, level[k].(float64)*math.Exp((c.r.Float64()*2-1)*far))
			}
		}
	}
	m["scale"] = []float64{1, .7, 1.5}[c.r.IntN(3)]
	m["relatives"] = []float64{0, .15}[c.r.IntN(2)]
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	model, err := linkage.ReadModel(b)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

// What bounds a search must hold for every model and for whatever is written
// in a name, not for the usual alone.
func TestTheIndexFindsOddPeopleUnderOddModels(t *testing.T) {
	found := 0
	for seed := uint64(40); seed < 60; seed++ {
		c := crowd{rand.New(rand.NewPCG(seed, 99))}
		r := linkage.New(c.model(t, []float64{0, .3, 1.5, 3}[seed%4]))
		whole := func(i casework.Identity) linkage.Subject { return linkage.Subject{Identity: i} }
		if seed%3 > 0 {
			whole = crowd{rand.New(rand.NewPCG(seed, 7))}.subject
		}
		var people []casework.Identity
		for len(people) < 300 {
			i := c.person()
			if len(people) > 0 && c.r.IntN(5) == 0 {
				i = c.relative(people[c.r.IntN(len(people))])
			}
			if c.r.IntN(2) == 0 {
				i = c.odd(i)
			}
			people = append(people, i)
			r.PutSubject(casework.PersonID(len(people)), whole(i))
		}
		for range 40 {
			query := c.heard(people[c.r.IntN(len(people))])
			if c.r.IntN(4) == 0 {
				query = c.heard(c.relative(query))
			}
			if c.r.IntN(2) == 0 {
				query = c.odd(query)
			}
			if c.r.IntN(6) == 0 {
				query.Place, query.PNCs, query.CROs = casework.Place{}, nil, nil
			}
			threshold := []float64{.1, .5, .9, .01}[c.r.IntN(4)]
			asked := whole(query)
			got := r.Scores(nil, asked, threshold)
			want := r.ScoresOfEverybody(nil, asked, threshold)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d, threshold %v: the index and the whole register differ (-everybody +index):\n%s", seed, threshold, d)
			}
			found += len(got)
		}
	}
	if found < 400 {
		t.Errorf("got %d answers, want enough to prove something", found)
	}
}

// Of the words of a vocabulary, only those are compared whose shapes allow that
// they are alike.
func TestNoTwoAlikeAreTakenForUnlikeByTheirShapes(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(5, 5))}
	known := linkage.KnownNames()
	for range 60_000 {
		a := known[c.r.IntN(len(known))]
		b := known[c.r.IntN(len(known))]
		switch c.r.IntN(5) {
		case 0:
			b = c.typo(a)
		case 1:
			b = c.typo(c.typo(a))
		case 2:
			b = a[:1+c.r.IntN(len(a))]
		case 3:
			b = c.typo(b)
		}
		if linkage.Unseen(a, b) {
			t.Fatalf("%q and %q are alike, and their shapes say they are not", a, b)
		}
		if linkage.Unseen(b, a) {
			t.Fatalf("%q and %q are alike, and their shapes say they are not", b, a)
		}
	}
}
