package evaluation

import (
	"context"
	"fmt"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Store is where the record is.
type Store interface {
	RegisterPeople(ctx context.Context, give func(casework.RegisterPerson) error) (int64, error)
	// Seen gives everybody in incidents whose facts are held, with what people said of them.
	Seen(ctx context.Context, incidents int, give func(casework.Seen) error) error
}

// Verdicts is what there is to learn from on the record: half of it teaches and
// the other half judges, by the incident's number.
type Verdicts struct {
	people []casework.RegisterPerson
	Learn  []linkage.Example
	Judge  []linkage.Example
	// Confirmed and Dismissed count verdicts; Chosen the persons that are held
	// only since somebody was found in their incident.
	Confirmed, Dismissed, Chosen int
}

// Fewest verdicts that are learnt from. With fewer it is learnt without labels.
const (
	FewestConfirmed = 200
	FewestDismissed = 50
)

// Enough reports whether there are verdicts enough to learn from.
func (v *Verdicts) Enough() bool {
	return v.Confirmed >= FewestConfirmed && v.Dismissed >= FewestDismissed
}

// Mistaken is how often a verdict is taken to be wrong.
const Mistaken = .03

// unlabelled is how many persons of whom nothing was said are learnt from.
const unlabelled = 6000

// ReadVerdicts reads the register and what was said of those in incidents.
//
// Verdicts are no sample of all queries: people judge what the matcher showed
// them. So a verdict says of its own pair alone whether it is one person; how
// often strangers agree is counted on pairs drawn at random and never on
// dismissals; how often a query matches is counted only where everybody of the
// time is still held; true pairs too unlike to have been shown are kept in mind
// by what the model at hand expects, which [linkage.Training] calls belief.
func ReadVerdicts(ctx context.Context, store Store) (*Verdicts, error) {
	v := &Verdicts{}
	if _, err := store.RegisterPeople(ctx, func(p casework.RegisterPerson) error {
		v.people = append(v.people, p)
		return nil
	}); err != nil {
		return nil, err
	}
	others := [2]int{}
	err := store.Seen(ctx, unlabelled, func(s casework.Seen) error {
		e := linkage.Example{Subject: linkage.Subject{Identity: s.Identity}, Is: s.Confirmed, Not: s.Dismissed, Labelled: len(s.Confirmed) > 0, Chosen: !s.Whole}
		v.Confirmed += len(s.Confirmed)
		v.Dismissed += len(s.Dismissed)
		if e.Chosen {
			v.Chosen++
		}
		half := int(s.Incident % 2)
		if len(s.Confirmed)+len(s.Dismissed) == 0 {
			if others[half]++; half == 1 || others[half] > unlabelled {
				return nil
			}
		}
		if half == 0 {
			v.Learn = append(v.Learn, e)
		} else {
			v.Judge = append(v.Judge, e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Fill puts everybody on a register.
func (v *Verdicts) Fill(to *linkage.Register) {
	to.PutAll(func(yield func(casework.PersonID, casework.Identity) bool) {
		for i := range v.people {
			if !yield(v.people[i].ID, v.people[i].Identity) {
				return
			}
		}
	})
}

// Train learns from the half that teaches: with the verdicts if there are
// enough of them, else without.
func (v *Verdicts) Train(base *linkage.Model, how linkage.Training) (linkage.Trained, error) {
	examples := v.Learn
	how.Mistaken = Mistaken
	if !v.Enough() {
		examples = nil
		for _, e := range v.Learn {
			examples = append(examples, linkage.Example{Subject: e.Subject, Chosen: e.Chosen})
		}
	}
	register := linkage.New(base)
	v.Fill(register)
	t, err := linkage.Train(register, examples, how)
	if err != nil {
		return t, fmt.Errorf("learn from the record: %w", err)
	}
	return t, nil
}

// Compare measures two models on the half that judges.
func (v *Verdicts) Compare(old, new *linkage.Model) Beside {
	return Compare(v.Fill, v.Judge, Mistaken, old, new)
}

// CompareOn measures two models on labelled files.
func CompareOn(register, queries []Record, truth map[string]string, old, new *linkage.Model) Beside {
	return Compare(func(r *linkage.Register) { fill(r, register) }, labelled(register, queries, truth), 0, old, new)
}
