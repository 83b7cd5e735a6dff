package bench

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/simulator"
)

// office is a year of verdicts: people judge what the model that ships showed
// them, the likeliest first, and one time in so many they are wrong.
type office struct {
	people []casework.RegisterPerson
	seen   []casework.Seen
}

func (o *office) RegisterPeople(_ context.Context, give func(casework.RegisterPerson) error) (int64, error) {
	for _, p := range o.people {
		if err := give(p); err != nil {
			return 0, err
		}
	}
	return 1, nil
}

func (o *office) Seen(_ context.Context, _ int, give func(casework.Seen) error) error {
	for _, s := range o.seen {
		if err := give(s); err != nil {
			return err
		}
	}
	return nil
}

// judges reads incidents until so many verdicts are given. What is not shown is
// not judged, and of what matches nobody only the last is still held.
func judges(write writer, r *linkage.Register, verdicts int, wrong float64) *office {
	o := &office{}
	random := rand.New(rand.NewPCG(5, 3))
	given := 0
	for i := 0; given < verdicts; i++ {
		for _, v := range write(i) {
			s := casework.Seen{Incident: casework.IncidentID(i), Identity: v.identity, Whole: verdicts-given < verdicts/10}
			for _, c := range r.Find(v.identity, linkage.ReviewThreshold) {
				right := c.Person == v.truth
				if random.Float64() < wrong {
					right = !right
				}
				given++
				if right {
					s.Confirmed = append(s.Confirmed, c.Person)
					break // the others follow, and are no verdicts
				}
				s.Dismissed = append(s.Dismissed, c.Person)
			}
			if s.Whole || len(s.Confirmed)+len(s.Dismissed) > 0 {
				o.seen = append(o.seen, s)
			}
		}
	}
	return o
}

// BenchmarkCalibrationOfVerdicts learns from 5,000 verdicts of which 3 % are
// wrong, of a clerk's records and of what was shown alone. The model that comes
// of it must pass beside the one that ships by the other half's verdicts, as
// activation asks, and is measured on incidents whose whole truth is known.
func BenchmarkCalibrationOfVerdicts(b *testing.B) {
	many, measured := 5000, 20_000
	if testing.Short() {
		many, measured = 1500, 3000
	}
	for range b.N {
		world := simulator.World{Seed: 303, People: calibrationPeople, Date: casework.Date{Year: 2018, Month: 10, Day: 1}}
		write := writers(world)["clerk"]
		r := registerOf(world, linkage.Default())
		o := judges(write, r, many, .03)
		for i := range world.People {
			o.people = append(o.people, casework.RegisterPerson{ID: casework.PersonID(i + 1), Identity: world.Person(i).Identity})
		}
		verdicts, err := evaluation.ReadVerdicts(context.Background(), o)
		if err != nil {
			b.Fatal(err)
		}
		learnt, err := verdicts.Train(linkage.Default(), linkage.Training{Belief: 1000})
		if err != nil {
			b.Fatal(err)
		}
		beside := verdicts.Compare(linkage.Default(), learnt.Model)
		b.Logf("scale %v, certain from %v", learnt.Model.Scale, learnt.Model.Certain)
		b.Logf("%d confirmed and %d dismissed; by the other half: F1 %.4f and %.4f, loss %.4f and %.4f bits, certain and wrong %d of %d and %d of %d; against it: %q",
			verdicts.Confirmed, verdicts.Dismissed, beside.Old.BestF1, beside.New.BestF1, beside.Old.Loss, beside.New.Loss,
			beside.Old.CertainWrong, beside.Old.Certain, beside.New.CertainWrong, beside.New.Certain, beside.Against)
		if !verdicts.Enough() || slices.ContainsFunc(beside.Against, func(s string) bool { return s != "" }) {
			b.Error("what was learnt from the verdicts is worse than what ships")
		}
		elsewhere := func(i int) []heard { return write(20_000_000 + i) }
		old := observe(elsewhere, r, measured)
		r.SetModel(learnt.Model)
		now := observe(elsewhere, r, measured)
		b.Logf("by the whole truth of other incidents, shipped: %s", &old)
		b.Logf("by the whole truth of other incidents, learnt: %s", &now)
		b.ReportMetric(old.ece(), "ECE-shipped")
		b.ReportMetric(now.ece(), "ECE-learnt")
	}
}
