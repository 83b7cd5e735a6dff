package linkage_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// crowd invents people whose names are as unevenly spread as Welsh ones, with
// relatives, and queries about them with the errors people make.
type crowd struct{ r *rand.Rand }

var (
	crowdSurnames  = []string{"Jones", "Davies", "Williams", "Evans", "Thomas", "Roberts", "Hughes", "Lewis", "Morgan", "Griffiths", "Edwards", "Owen", "Price", "Rees", "O'Brien", "Smith-Jones", "Llewellyn", "Wójcik", "ap Rhys", "McDonald"}
	crowdForenames = []string{"David", "Dafydd", "John", "Siân", "Sian", "Rhys", "Reece", "Mark", "Paul", "Ieuan", "Evan", "Mohammed", "Łukasz", "Catrin", "Emma", "Gareth", "Thomas", "James", "Jamie", "Stephen", "Steven"}
)

func (c crowd) skewed(list []string) string {
	if c.r.IntN(4) == 0 { // somebody rare, of whom there are thousands
		return list[c.r.IntN(len(list))][:2] + fmt.Sprintf("%c%c%c", 'a'+c.r.IntN(26), 'a'+c.r.IntN(26), 'a'+c.r.IntN(26))
	}
	return list[min(c.r.IntN(len(list)), c.r.IntN(len(list)))]
}

func (c crowd) postcode() string {
	return fmt.Sprintf("CF%d %d%c%c", 1+c.r.IntN(60), c.r.IntN(10), 'A'+c.r.IntN(20), 'A'+c.r.IntN(20))
}

func (c crowd) date() casework.Date {
	d := casework.Date{Year: 1950 + c.r.IntN(56), Month: 1, Day: 1}
	if c.r.IntN(50) > 0 {
		d = casework.DateOf(d.Time().AddDate(0, 0, c.r.IntN(365)))
	}
	return d
}

func (c crowd) person() casework.Identity {
	i := casework.Identity{
		Name:        casework.Name{Forenames: c.skewed(crowdForenames), Surname: c.skewed(crowdSurnames)},
		DateOfBirth: c.date(),
		Sex:         []casework.Sex{"M", "M", "M", "F", "U"}[c.r.IntN(5)],
		Place:       casework.Place{Address: fmt.Sprintf("%d %s Street", 1+c.r.IntN(40), c.skewed(crowdSurnames)), Postcode: c.postcode()},
	}
	if c.r.IntN(2) == 0 {
		i.Forenames += " " + c.skewed(crowdForenames)
	}
	if c.r.IntN(6) == 0 {
		i.Aliases = append(i.Aliases, c.skewed(crowdForenames)+" "+c.skewed(crowdSurnames))
	}
	if c.r.IntN(10) > 0 {
		i.PNCs = append(i.PNCs, fmt.Sprintf("%d/%07d%c", 1980+c.r.IntN(40), c.r.IntN(9999999), 'A'+c.r.IntN(20)))
	}
	if c.r.IntN(2) == 0 {
		i.CROs = append(i.CROs, fmt.Sprintf("%06d/%02d%c", c.r.IntN(999999), c.r.IntN(99), 'A'+c.r.IntN(20)))
	}
	if c.r.IntN(3) == 0 {
		i.Previous = append(i.Previous, casework.Place{Postcode: c.postcode()})
	}
	return i
}

// relative lives in the same house, under the same surname.
func (c crowd) relative(i casework.Identity) casework.Identity {
	j := c.person()
	j.Surname, j.Place = i.Surname, i.Place
	if c.r.IntN(3) == 0 {
		j.DateOfBirth = i.DateOfBirth
	} else if c.r.IntN(2) == 0 {
		j.Forenames, j.DateOfBirth = i.Forenames, casework.Date{Year: i.DateOfBirth.Year - 25, Month: i.DateOfBirth.Month, Day: i.DateOfBirth.Day}
	}
	return j
}

func (c crowd) typo(s string) string {
	if len(s) < 3 {
		return s
	}
	b := []byte(s)
	k := 1 + c.r.IntN(len(b)-2)
	switch c.r.IntN(4) {
	case 0:
		b[k], b[k+1] = b[k+1], b[k]
	case 1:
		b[k] = byte('a' + c.r.IntN(26))
	case 2:
		b = slices.Delete(b, k, k+1)
	default:
		b = slices.Insert(b, k, b[k])
	}
	return string(b)
}

// heard is the identity as an officer may have written it down.
func (c crowd) heard(i casework.Identity) casework.Identity {
	i.Aliases, i.Previous = nil, nil
	some := func(n int) bool { return c.r.IntN(n) == 0 }
	if some(5) {
		i.Surname = c.typo(i.Surname)
	}
	if some(6) {
		i.Forenames = c.typo(i.Forenames)
	}
	if some(15) {
		i.Forenames, i.Surname = i.Surname, i.Forenames
	}
	if some(12) {
		i.Surname = c.skewed(crowdSurnames)
	}
	if some(20) {
		i.Forenames = i.Forenames[:min(1, len(i.Forenames))]
	}
	switch c.r.IntN(8) {
	case 0:
		i.DateOfBirth = casework.Date{}
	case 1:
		i.DateOfBirth.Day = 1 + (i.DateOfBirth.Day+c.r.IntN(12))%28
	case 2:
		i.DateOfBirth.Year += c.r.IntN(3) - 1
	case 3:
		i.DateOfBirth.Month, i.DateOfBirth.Day = 1, 1
	}
	if some(2) {
		i.PNCs = nil
	} else if len(i.PNCs) > 0 && some(4) {
		i.PNCs = []string{i.PNCs[0][:8] + fmt.Sprint(c.r.IntN(10)) + i.PNCs[0][9:]}
	}
	if some(2) {
		i.CROs = nil
	}
	switch c.r.IntN(6) {
	case 0:
		i.Place = casework.Place{}
	case 1:
		i.Postcode = c.postcode()
	case 2:
		i.Address = ""
	case 3:
		i.Postcode = strings.TrimSuffix(i.Postcode, i.Postcode[max(0, len(i.Postcode)-1):]) + "Z"
	case 4:
		i.Postcode = ""
	}
	if some(4) {
		i.Sex = ""
	}
	return i
}

func (c crowd) fill(r *linkage.Register, n int) []casework.Identity {
	people := make([]casework.Identity, 0, n)
	for len(people) < n {
		i := c.person()
		if len(people) > 0 && c.r.IntN(20) == 0 {
			i = c.relative(people[c.r.IntN(len(people))])
		}
		people = append(people, i)
	}
	r.PutAll(func(yield func(casework.PersonID, casework.Identity) bool) {
		for k, i := range people {
			if !yield(casework.PersonID(k+1), i) {
				return
			}
		}
	})
	return people
}

func TestTheIndexFindsWhatComparingWithEverybodyFinds(t *testing.T) {
	t.Run("while the register grows and shrinks", aRegisterThatLives)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("crowd ", seed), func(t *testing.T) {
			t.Parallel()
			c := crowd{rand.New(rand.NewPCG(seed, 7))}
			r := linkage.New(linkage.Default())
			people := c.fill(r, 5000)
			found := 0
			for range 300 {
				query := c.heard(people[c.r.IntN(len(people))])
				if c.r.IntN(4) == 0 {
					query = c.heard(c.relative(query))
				}
				threshold := []float64{.1, .1, .5, .9, .01}[c.r.IntN(5)]
				got := r.Scores(nil, linkage.Subject{Identity: query}, threshold)
				want := r.ScoresOfEverybody(nil, linkage.Subject{Identity: query}, threshold)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("threshold %v: the index and the whole register differ (-everybody +index):\n%s", threshold, d)
				}
				found += len(got)
			}
			if found < 150 {
				t.Errorf("got %d answers, want enough to prove something", found)
			}
		})
	}
}

// aRegisterThatLives grows and shrinks by thousands, people move and change
// their names, and what was rare becomes common. At every size it finds what
// comparing with everybody finds, and what a register filled at once finds.
func aRegisterThatLives(t *testing.T) {
	t.Parallel()
	c := crowd{rand.New(rand.NewPCG(11, 3))}
	r := linkage.New(linkage.Default())
	people := map[casework.PersonID]casework.Identity{}
	next := casework.PersonID(1)
	add := func(i casework.Identity) {
		people[next] = i
		r.Put(next, i)
		next++
	}
	ids := func() []casework.PersonID { return slices.Sorted(maps.Keys(people)) }
	steps := []struct {
		name   string
		change func()
	}{
		{"filled", func() {
			for range 5000 {
				add(c.person())
			}
		}},
		{"halved", func() {
			for _, id := range ids() {
				if c.r.IntN(2) == 0 {
					delete(people, id)
					r.Remove(id)
				}
			}
		}},
		{"half of them changed", func() {
			for _, id := range ids() {
				if c.r.IntN(2) == 0 {
					people[id] = c.odd(c.heard(people[id]))
					r.Put(id, people[id])
				}
			}
		}},
		{"a rare name become common", func() {
			for k := range 1500 {
				i := c.person()
				i.Surname = "Zzyzx"
				if k%2 == 0 {
					i.Forenames, i.Postcode = "Xavier", "CF1 1AA"
				}
				if k%5 == 0 {
					i.DateOfBirth = casework.Date{Year: 1985, Month: 1, Day: 1}
				}
				add(i)
			}
		}},
		{"a few left", func() {
			for _, id := range ids() {
				if c.r.IntN(40) > 0 {
					delete(people, id)
					r.Remove(id)
				}
			}
		}},
		{"filled again", func() {
			for range 2000 {
				add(c.person())
			}
		}},
	}
	found := 0
	for _, step := range steps {
		step.change()
		again := linkage.New(linkage.Default())
		all := ids()
		for _, id := range all {
			again.Put(id, people[id])
		}
		for n := range 40 {
			query := c.heard(people[all[c.r.IntN(len(all))]])
			if n%8 == 0 {
				query = c.odd(query)
			}
			subject, threshold := linkage.Subject{Identity: query}, []float64{.1, .5, .2, .3}[n%4]
			got := r.Scores(nil, subject, threshold)
			if d := cmp.Diff(r.ScoresOfEverybody(nil, subject, threshold), got); d != "" {
				t.Fatalf("%s, %d people, threshold %v: the index and the whole register differ (-everybody +index):\n%s", step.name, len(all), threshold, d)
			}
			if d := cmp.Diff(again.Scores(nil, subject, threshold), got); d != "" {
				t.Fatalf("%s, %d people, threshold %v: a register filled at once differs (-at once +living):\n%s", step.name, len(all), threshold, d)
			}
			found += len(got)
		}
	}
	if found < 100 {
		t.Errorf("got %d answers, want enough to prove something", found)
	}
}

// Whoever asks for what everybody has, or writes down all that a form has room
// for, makes the matcher look at no more people than the register holds.
func TestNoQueryTouchesMoreThanTheRegisterHolds(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(12, 3))}
	r := linkage.New(linkage.Default())
	people := c.fill(r, 1500)
	for name, query := range hostile(people) {
		t.Run(name, func(t *testing.T) {
			subject := linkage.Subject{Identity: query}
			for _, threshold := range []float64{.1, .5} {
				e := r.Effort(subject, threshold)
				// A list may be gone through for the name and again for the name reversed.
				if e.Listed > 3*len(people) || e.Glanced > 2*len(people) || e.Compared > len(people) {
					t.Errorf("threshold %v: got %+v for a register of %d", threshold, e, len(people))
				}
				if d := cmp.Diff(r.ScoresOfEverybody(nil, subject, threshold), r.Scores(nil, subject, threshold)); d != "" {
					t.Errorf("threshold %v: the index and the whole register differ (-everybody +index):\n%s", threshold, d)
				}
			}
		})
	}
}

// hostile are queries that ask for what is commonest, or for very much.
func hostile(people []casework.Identity) map[string]casework.Identity {
	jones := casework.Identity{Name: casework.Name{Forenames: "David", Surname: "Jones"}}
	born := casework.Date{Year: 1985, Month: 1, Day: 1}
	newYear := jones
	newYear.DateOfBirth, newYear.Sex = born, casework.Male
	aliases := newYear
	for i := range 30 {
		aliases.Aliases = append(aliases.Aliases, crowdForenames[i%len(crowdForenames)]+" "+crowdForenames[(i+3)%len(crowdForenames)]+" "+crowdSurnames[i%len(crowdSurnames)])
	}
	all := aliases
	all.Forenames, all.Surname = strings.Join(crowdForenames, " "), strings.Join(crowdSurnames, " ")
	all.Place = people[0].Place
	for _, p := range people[:200] {
		all.Previous = append(all.Previous, p.Place)
		all.PNCs, all.CROs = append(all.PNCs, p.PNCs...), append(all.CROs, p.CROs...)
	}
	return map[string]casework.Identity{
		"the commonest name":               jones,
		"the commonest name, on 1 January": newYear,
		"a date of birth alone":            {DateOfBirth: born},
		"a year of birth alone":            {DateOfBirth: casework.Date{Year: 1985}},
		"a postcode alone":                 {Place: casework.Place{Postcode: people[0].Postcode}},
		"initials alone":                   {Name: casework.Name{Forenames: "D", Surname: "J"}},
		"thirty aliases":                   aliases,
		"everything at once":               all,
		"nothing":                          {},
	}
}
