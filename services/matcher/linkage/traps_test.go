package linkage_test

import (
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"math/rand/v2"
)

// town is a register of three thousand strangers and the one person given.
func town(t *testing.T, someone casework.Identity) (*linkage.Register, casework.PersonID) {
	t.Helper()
	c := crowd{rand.New(rand.NewPCG(20, 21))}
	r := linkage.New(linkage.Default())
	c.fill(r, 3000)
	r.Put(3001, someone)
	return r, 3001
}

var carwyn = casework.Identity{
	Name:        casework.Name{Forenames: "Carwyn Huw", Surname: "Prytherch"},
	DateOfBirth: casework.Date{Year: 1985, Month: 3, Day: 17},
	Sex:         casework.Male,
	PNCs:        []string{"2005/0000123K"},
	CROs:        []string{"123456/99L"},
	Place:       casework.Place{Address: "14 Heol Fawr", Postcode: "SA31 2BC"},
}

func probability(t *testing.T, r *linkage.Register, query casework.Identity, id casework.PersonID) (float64, casework.Evidence) {
	t.Helper()
	e, ok := r.Explain(query, id)
	if !ok {
		t.Fatal("the person is not on the register")
	}
	return e.Probability, e
}

func TestRelativesAtOneAddressAreToldApart(t *testing.T) {
	r, id := town(t, carwyn)
	twin, father, brother, himself := carwyn, carwyn, carwyn, carwyn
	for _, i := range []*casework.Identity{&twin, &father, &brother, &himself} {
		i.PNCs, i.CROs = nil, nil
	}
	twin.Forenames = "Deiniol Aled"
	father.DateOfBirth = casework.Date{Year: 1957, Month: 3, Day: 17}
	brother.Forenames, brother.DateOfBirth = "Aled", casework.Date{Year: 1988, Month: 9, Day: 2}
	for who, i := range map[string]casework.Identity{"twin": twin, "father of the same name": father, "brother": brother} {
		if p, e := probability(t, r, i, id); p > .5 || e.Band == casework.Certain || e.Band == casework.Probable {
			t.Errorf("a %s is taken for the person with probability %v", who, p)
		}
	}
	if p, e := probability(t, r, himself, id); p < .999 || e.Band != casework.Certain {
		t.Errorf("the person himself gets %v, %q", p, e.Band)
	}
}

func TestANumberAloneIsNeverCertain(t *testing.T) {
	r, id := town(t, carwyn)
	given := casework.Identity{Name: casework.Name{Forenames: "Osian", Surname: "Tudful"}, DateOfBirth: casework.Date{Year: 1992, Month: 11, Day: 30}, Sex: casework.Male, PNCs: carwyn.PNCs}
	if p, e := probability(t, r, given, id); e.Band == casework.Certain {
		t.Errorf("somebody else's number makes a match certain: %v", p)
	}
	if _, e := probability(t, r, casework.Identity{PNCs: carwyn.PNCs, CROs: carwyn.CROs}, id); e.Band == casework.Certain {
		t.Error("numbers without anything else make a match certain")
	}
}

func TestWhatIsMissingIsNoEvidence(t *testing.T) {
	r, id := town(t, carwyn)
	less := carwyn
	less.Place, less.PNCs, less.CROs, less.Sex = casework.Place{}, nil, nil, ""
	_, e := probability(t, r, less, id)
	for _, s := range e.Steps {
		switch s.Field {
		case "address", "PNC", "CRO", "sex":
			t.Errorf("%s is missing and weighs %v", s.Field, s.Bits)
		}
	}
}

func TestDummiesAreNoEvidence(t *testing.T) {
	dummy := casework.Identity{Name: casework.Name{Forenames: "Ann", Surname: "Puw"}, DateOfBirth: casework.Date{Year: 1900, Month: 1, Day: 1},
		PNCs: []string{"2003/0993399B"}, CROs: []string{"000000/00Z"}, Place: casework.Place{Address: "No fixed abode", Postcode: "NF1 1NF"}}
	e := linkage.Compare(linkage.Default(), dummy, dummy)
	for _, s := range e.Steps {
		switch s.Field {
		case "surname", "forename", "form of the name", "relatives":
		default:
			t.Errorf("a dummy %s weighs %v", s.Field, s.Bits)
		}
	}
}

func TestAnotherOfSomebodysNumbersFindsThem(t *testing.T) {
	two := carwyn
	two.PNCs = []string{"1999/1234567B", "2002/0073319Z"}
	r, id := town(t, two)
	query := casework.Identity{Name: casework.Name{Forenames: "Carwyn", Surname: "Prytherch"}, PNCs: []string{"02/73319z"}}
	if p, _ := probability(t, r, query, id); p < .99 {
		t.Errorf("the second PNC gives %v", p)
	}
	query.PNCs = []string{"02/73391Z"} // two digits changed places
	if p, e := probability(t, r, query, id); p < .9 {
		t.Errorf("a mistyped PNC gives %v (%d steps)", p, len(e.Steps))
	}
}

func TestTheWorseSpellingIsNeverWorthMore(t *testing.T) {
	r, id := town(t, carwyn)
	last := 2.0
	for _, surname := range []string{"Prytherch", "Prytherh", "Prythrech-Jones", "Bevan"} {
		q := casework.Identity{Name: casework.Name{Forenames: "Carwyn", Surname: surname}, DateOfBirth: carwyn.DateOfBirth}
		p, _ := probability(t, r, q, id)
		if p > last {
			t.Errorf("a worse spelling gives %v, more than %v", p, last)
		}
		last = p
	}
}

func TestTwoWhoFitAsWellShareTheProbability(t *testing.T) {
	r, id := town(t, carwyn)
	r.Put(3002, carwyn)
	found := r.Find(carwyn, linkage.ReviewThreshold)
	if len(found) != 2 || found[0].Person != id || found[1].Person != 3002 {
		t.Fatalf("got %d candidates, want both, by number", len(found))
	}
	for _, c := range found {
		if c.Probability > .51 || c.Band == casework.Certain || c.Evidence.RunnerUp == 0 || c.Evidence.Margin != 0 {
			t.Errorf("person %d: got %v, %q, margin %v", c.Person, c.Probability, c.Band, c.Evidence.Margin)
		}
	}
}

func TestBirthdaysOfLongAgoTellPeopleApart(t *testing.T) {
	old := carwyn
	old.DateOfBirth = casework.Date{Year: 1634, Month: 3, Day: 17}
	r, id := town(t, old)
	query := casework.Identity{Name: old.Name, DateOfBirth: old.DateOfBirth}
	same, _ := probability(t, r, query, id)
	if found := r.Find(query, linkage.ReviewThreshold); len(found) == 0 || found[0].Person != id {
		t.Error("somebody of another century is not found")
	}
	query.DateOfBirth.Year = 1751
	other, _ := probability(t, r, query, id)
	if same < .99 || other > same/2 {
		t.Errorf("got %v with the same birthday and %v with one of another century", same, other)
	}
}

func TestARegisterOfNumbersAloneIsSearched(t *testing.T) {
	r := linkage.New(linkage.Default())
	r.Put(1, casework.Identity{PNCs: carwyn.PNCs, CROs: carwyn.CROs, DateOfBirth: carwyn.DateOfBirth})
	for range 2 {
		if found := r.Find(carwyn, linkage.ReviewThreshold); len(found) != 1 {
			t.Errorf("got %d, want the one with the numbers", len(found))
		}
	}
}

func TestWhoMovedIsNotToldOfTheirTownTwice(t *testing.T) {
	r, id := town(t, carwyn)
	r.PutSubject(id, linkage.Subject{Identity: carwyn, Town: "Caerfyrddin"})
	bits := func(at casework.Place) float64 {
		query := linkage.Subject{Identity: carwyn, Town: "Aberteifi"}
		query.Place = at
		e, ok := r.ExplainSubject(query, id)
		sum := e.Prior
		for _, s := range e.Steps {
			sum += s.Bits
		}
		if !ok || sum != e.Bits {
			t.Errorf("the steps come to %v of %v", sum, e.Bits)
		}
		for _, s := range e.Steps {
			if s.Field == "town" {
				return s.Bits
			}
		}
		t.Fatal("the town was not compared")
		return 0
	}
	missing := bits(casework.Place{})
	if here := bits(carwyn.Place); here != missing {
		t.Errorf("another town at the same address: got %v bits, want the %v of one alone", here, missing)
	}
	if moved := bits(casework.Place{Address: "3 Stryd y Bont", Postcode: "LL57 1AA"}); !(missing < moved && moved <= 0) {
		t.Errorf("another town at another address: got %v bits, want more than %v and no evidence for it", moved, missing)
	}
}
