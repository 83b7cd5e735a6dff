package linkage_test

import (
	"fmt"
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
