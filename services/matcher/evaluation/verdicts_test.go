package evaluation

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// judgedVillage is a register with as many verdicts as are asked for.
type judgedVillage struct {
	people               []Record
	confirmed, dismissed int
}

func (v judgedVillage) RegisterPeople(_ context.Context, give func(casework.RegisterPerson) error) (int64, error) {
	for i, p := range v.people {
		if err := give(casework.RegisterPerson{ID: casework.PersonID(i + 1), Identity: p.Subject.Identity}); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func (v judgedVillage) Seen(_ context.Context, _ int, give func(casework.Seen) error) error {
	for i := range v.confirmed + v.dismissed {
		at := i % len(v.people)
		s := casework.Seen{Incident: casework.IncidentID(i + 1), Identity: v.people[at].Subject.Identity, Confirmed: []casework.PersonID{casework.PersonID(at + 1)}, Whole: true}
		if i >= v.confirmed { // a relative: of that name and house, and another birthday
			s.Confirmed, s.Dismissed = nil, s.Confirmed
			s.Identity.Forenames, s.Identity.DateOfBirth = "Zebedee", casework.Date{Year: s.Identity.DateOfBirth.Year + 2, Month: 12, Day: 31}
		}
		if err := give(s); err != nil {
			return err
		}
	}
	return nil
}

func TestVerdictsTeachWhenThereAreEnoughAndAWorseModelIsSaidToBe(t *testing.T) {
	register, _, _ := village()
	m := Mapping{ID: "id", Forenames: Columns{"first"}, Surname: Columns{"last"}, DateOfBirth: DateColumns{Column: "dob"}, Postcode: Columns{"pc"}}
	people, _, err := ReadTable(write(t, "r.csv", register), m, "")
	if err != nil {
		t.Fatal(err)
	}
	few, err := ReadVerdicts(context.Background(), judgedVillage{people, FewestConfirmed - 1, FewestDismissed})
	if err != nil || few.Enough() {
		t.Fatalf("one confirmation too few is enough, %v", err)
	}
	if got, err := few.Train(linkage.Default(), linkage.Training{Rounds: 1, Strangers: 2000}); err != nil || got.Labelled != 0 {
		t.Errorf("learnt from %d labels and %v, want none", got.Labelled, err)
	}
	enough, err := ReadVerdicts(context.Background(), judgedVillage{people, 400, 200})
	if err != nil || !enough.Enough() || len(enough.Learn) != 300 || len(enough.Judge) != 300 {
		t.Fatalf("got %d to learn from and %d to judge by, %v; want 300 of each", len(enough.Learn), len(enough.Judge), err)
	}
	got, err := enough.Train(linkage.Default(), linkage.Training{Rounds: 1, Strangers: 2000})
	if err != nil || got.Labelled != 300 {
		t.Errorf("learnt from %d labels and %v, want 300", got.Labelled, err)
	}
	if b := enough.Compare(linkage.Default(), linkage.Default()); len(b.Against) > 0 || b.Old.Labelled < 200 || b.Old.Positives != 200 {
		t.Errorf("the same model is said to be worse, or too little was judged: %+v", b)
	}
	was := fmt.Appendf(nil, `"expected": %v`, linkage.Default().Expected)
	careless, err := linkage.ReadModel(bytes.Replace(linkage.Default().JSON(), was, []byte(`"expected": 0.000001`), 1))
	if err != nil {
		t.Fatal(err)
	}
	if b := enough.Compare(linkage.Default(), careless); len(b.Against) == 0 || !strings.Contains(strings.Join(b.Against, "; "), "loss rises") {
		t.Errorf("nothing is said against a model that believes in no match: %+v", b.New)
	}
}
