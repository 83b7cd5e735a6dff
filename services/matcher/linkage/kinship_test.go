package linkage_test

import (
	"math/rand/v2"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

func TestRelativesAreLearntFromHouseholds(t *testing.T) {
	c := crowd{rand.New(rand.NewPCG(60, 61))}
	r := linkage.New(linkage.Default())
	people := make([]casework.Identity, 1200)
	for i := range people {
		people[i] = c.person()
		r.Put(casework.PersonID(i+1), people[i])
	}
	learn := func(relatives func(casework.Identity) casework.Identity) *linkage.Model {
		var examples []linkage.Example
		for i := range 300 {
			examples = append(examples, linkage.Example{Subject: linkage.Subject{Identity: c.heard(people[i])}})
			if relatives != nil {
				other := relatives(people[300+i])
				other.PNCs, other.CROs, other.Aliases, other.Previous = nil, nil, nil, nil
				examples = append(examples, linkage.Example{Subject: linkage.Subject{Identity: other}})
			}
			examples = append(examples, linkage.Example{Subject: linkage.Subject{Identity: c.person()}})
		}
		got, err := linkage.Train(r, examples, linkage.Training{Rounds: 3, Strangers: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		return got.Model
	}
	before := linkage.Default()
	none := learn(nil)
	if none.Relatives > before.Relatives/2 {
		t.Errorf("where there are no relatives, got %.3f to a match, want less than half of %.3f", none.Relatives, before.Relatives)
	}
	twins := learn(func(i casework.Identity) casework.Identity {
		twin := c.person()
		twin.Surname, twin.Place, twin.DateOfBirth = i.Surname, i.Place, i.DateOfBirth
		return twin
	})
	if twins.Relatives < 4*before.Relatives || twins.Kinship[1].Share < 2*before.Kinship[1].Share {
		t.Errorf("where every other is a twin, got %.3f relatives to a match and %.3f of them twins, want many more than %.3f and %.3f",
			twins.Relatives, twins.Kinship[1].Share, before.Relatives, before.Kinship[1].Share)
	}
}
