package evaluation

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Figures are what a model makes of labelled data: of the best candidate of
// each query of which it is known who it is, or who it is not.
type Figures struct {
	Model string `json:"model"`
	// Labelled queries have a candidate that somebody judged; Positives of all have somebody to find.
	Labelled  int `json:"labelled"`
	Positives int `json:"positives"`
	// Unjudged queries found a best candidate of whom nobody said anything. They are left out.
	Unjudged int `json:"unjudged"`

	BestF1               float64 `json:"bestF1"`
	Threshold            float64 `json:"threshold"`
	RecallAtPrecision99  float64 `json:"recallAtPrecision99"`
	RecallAtPrecision999 float64 `json:"recallAtPrecision999"`
	CalibrationError     float64 `json:"expectedCalibrationError"`
	// Loss is the logarithmic one, in bits a query: least when probabilities mean what they say.
	Loss         float64 `json:"logLoss"`
	Certain      int     `json:"certain"`
	CertainWrong int     `json:"certainWrong"`

	Curve []linkage.CurvePoint `json:"curve"`
}

// Beside is two models on the same labelled data.
type Beside struct {
	Old Figures `json:"old"`
	New Figures `json:"new"`
	// Against says why the new model should not take the place of the old. Empty: nothing does.
	Against []string `json:"against"`
}

// Fewest is how many labelled queries, and how many with somebody to find, a
// model is judged on at least.
const (
	FewestLabelled  = 200
	FewestPositives = 50
)

// Compare measures two models on labelled examples against the register, whose
// labels are mistaken that often.
func Compare(people func(*linkage.Register), examples []linkage.Example, mistaken float64, old, new *linkage.Model) Beside {
	r := linkage.New(old)
	people(r)
	b := Beside{Old: figuresOf(r, examples, mistaken)}
	r.SetModel(new)
	b.New = figuresOf(r, examples, mistaken)
	b.Against = b.New.worseThan(b.Old)
	return b
}

func figuresOf(r *linkage.Register, examples []linkage.Example, mistaken float64) Figures {
	f := Figures{Model: r.Model().Hash(), Curve: r.Curve(examples)}
	var res Result
	var mu sync.Mutex
	loss := 0.0
	answered := make([]scored, len(examples))
	inParallel(len(examples), nil, func(i int, scores []linkage.Score) []linkage.Score {
		e := &examples[i]
		if !e.Labelled && len(e.Not) == 0 {
			return scores
		}
		scores = r.Scores(scores[:0], e.Subject, floor)
		var top linkage.Score
		for _, s := range scores {
			if s.Person != e.Self {
				top = s
				break
			}
		}
		right := slices.Contains(e.Is, top.Person)
		mu.Lock()
		defer mu.Unlock()
		if len(e.Is) > 0 {
			f.Positives++
		}
		if top.Person != 0 && !e.Labelled && !slices.Contains(e.Not, top.Person) {
			f.Unjudged++
			return scores
		}
		f.Labelled++
		answered[i] = scored{p: top.Probability, right: right}
		if top.Person == 0 {
			return scores
		}
		if top.Probability >= r.Model().Certain {
			if c := r.FindSubject(e.Subject, .9); len(c) > 0 && c[0].Person == top.Person && c[0].Band == casework.Certain {
				f.Certain++
				if !right {
					f.CertainWrong++
				}
			}
		}
		return scores
	})
	for i, a := range answered {
		switch e := &examples[i]; {
		case a.right:
			loss -= math.Log2(max(a.p+mistaken*(1-2*a.p), 1e-6))
		case a.p > 0:
			loss -= math.Log2(max(1-a.p+mistaken*(2*a.p-1), 1e-6))
		case e.Labelled && len(e.Is) > 0:
			loss -= math.Log2(floor)
		}
		if a.p > 0 {
			res.scores = append(res.scores, a)
		}
	}
	res.Positives = f.Positives
	res.measure(res.scores, res.scores)
	f.BestF1, f.Threshold, f.CalibrationError = res.BestF1, res.Threshold, res.CalibrationError
	f.RecallAtPrecision99, f.RecallAtPrecision999 = res.RecallAtPrecision99, res.RecallAtPrecision999
	f.Loss = fraction(loss / float64(max(1, f.Labelled)))
	return f
}

// worseThan says in what a model is worse than the one that it would replace,
// beyond what chance does to figures of this kind.
func (f Figures) worseThan(old Figures) []string {
	against := []string{}
	say := func(format string, args ...any) { against = append(against, fmt.Sprintf(format, args...)) }
	if f.Labelled < FewestLabelled || f.Positives < FewestPositives {
		say("too little is labelled to tell: %d queries, %d with somebody to find; %d and %d are needed", f.Labelled, f.Positives, FewestLabelled, FewestPositives)
	}
	if f.CertainWrong > old.CertainWrong && f.CertainWrong*1000 > f.Certain {
		say("%d of %d that are certain are wrong, where %d of %d were", f.CertainWrong, f.Certain, old.CertainWrong, old.Certain)
	}
	if f.Certain < old.Certain*9/10 {
		say("%d are certain, where %d were", f.Certain, old.Certain)
	}
	if f.BestF1 < old.BestF1-.002 {
		say("best F1 falls from %.4f to %.4f", old.BestF1, f.BestF1)
	}
	if f.RecallAtPrecision99 < old.RecallAtPrecision99-.005 {
		say("recall at precision .99 falls from %.4f to %.4f", old.RecallAtPrecision99, f.RecallAtPrecision99)
	}
	if f.CalibrationError > .01 && f.CalibrationError > old.CalibrationError+.001 {
		say("the expected calibration error rises from %.4f to %.4f", old.CalibrationError, f.CalibrationError)
	}
	if f.Loss > old.Loss*1.05+1e-4 {
		say("the logarithmic loss rises from %.4f to %.4f bits a query", old.Loss, f.Loss)
	}
	return against
}
