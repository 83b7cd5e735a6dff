package evaluation

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Result is what an evaluation measured. Its JSON is what --json prints.
type Result struct {
	Task      string `json:"task"` // link or dedupe
	Model     string `json:"model"`
	People    int    `json:"people"`
	Queries   int    `json:"queries"`
	Positives int    `json:"positives"` // queries with somebody to find, or true pairs

	BestF1    float64 `json:"bestF1"`
	Threshold float64 `json:"threshold"` // the probability at which F1 is best
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`

	RecallAtPrecision99  float64 `json:"recallAtPrecision99"`
	RecallAtPrecision995 float64 `json:"recallAtPrecision995"`
	RecallAtPrecision999 float64 `json:"recallAtPrecision999"`

	Top1  float64 `json:"top1"`
	Top5  float64 `json:"top5"`
	Top10 float64 `json:"top10"`

	// CalibrationError is the expected one: of the top candidate per query with probability 0.05 and over, in 20 bins.
	CalibrationError float64 `json:"expectedCalibrationError"`
	// CalibrationByChance is what the same would come to on average if every probability meant exactly what it says.
	CalibrationByChance float64 `json:"expectedCalibrationErrorByChance"`
	// CertainWrong of Certain top candidates in the band certain were not the person.
	Certain      int `json:"certain"`
	CertainWrong int `json:"certainWrong"`

	Curve       []Point `json:"curve"`
	Calibration []Bin   `json:"calibration"`

	IndexSeconds         float64 `json:"indexBuildSeconds"`
	BytesPerPerson       float64 `json:"bytesPerPerson"`
	QueryP50             float64 `json:"queryP50Milliseconds"`
	QueryP99             float64 `json:"queryP99Milliseconds"`
	QueryMax             float64 `json:"queryMaxMilliseconds"`
	QueriesPerSecondCore float64 `json:"queriesPerSecondPerCore"`

	scores  []scored
	Trained *linkage.Trained `json:"-"`
}

// Point is one point of the curve of precision and recall.
type Point struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Bin is one bin of the calibration diagram.
type Bin struct {
	From      float64 `json:"from"`
	Count     int     `json:"count"`
	Predicted float64 `json:"predicted"` // mean probability
	Observed  float64 `json:"observed"`  // share that was right

	spread float64 // the variance of how many are right
	chance chance
}

// scored is one answer and whether it is right.
type scored struct {
	p     float64
	right bool
}

// Options say how to evaluate.
type Options struct {
	Model *linkage.Model
	// Train estimates the weights from the data itself first, without labels.
	Train bool
	// Progress is told how far it is, from 0 to 1. It may be nil.
	Progress func(done float64)
}

// floor is the probability below which a candidate is not looked for. The curve
// of precision and recall ends there.
const floor = .005

func fill(r *linkage.Register, people []Record) {
	r.PutSubjects(func(yield func(casework.PersonID, linkage.Subject) bool) {
		for i := range people {
			if !yield(casework.PersonID(i+1), people[i].Subject) {
				return
			}
		}
	})
}

// build makes the register and measures what that took.
func build(model *linkage.Model, people []Record, res *Result) *linkage.Register {
	before := heap()
	start := time.Now()
	r := linkage.New(model)
	fill(r, people)
	res.IndexSeconds = time.Since(start).Seconds()
	res.People = len(people)
	res.BytesPerPerson = max(0, math.Round(float64(heap()-before)/float64(max(1, len(people))))) // a few people weigh less than what else was let go
	return r
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what pools hold outlives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// learn replaces the register by one under a model trained on the examples.
func learn(r *linkage.Register, people []Record, examples iter.Seq[linkage.Example], dedupe bool, res *Result) (*linkage.Register, error) {
	all := slices.Collect(examples)
	// Evenly drawn: more teach little, and each is sought among everybody.
	most := max(2000, min(6000, 100_000_000/max(1, len(people))))
	if len(all) > most {
		step := float64(len(all)) / float64(most)
		some := make([]linkage.Example, 0, most)
		for i := range most {
			some = append(some, all[int(float64(i)*step)])
		}
		all = some
	}
	t, err := linkage.Train(r, all, linkage.Training{Deduplicate: dedupe})
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	res.Trained = &t
	r = linkage.New(t.Model)
	fill(r, people)
	return r, nil
}

// Link evaluates queries against a register. The truth gives for a query's id
// the register's id, or nothing for nobody.
func Link(register, queries []Record, truth map[string]string, o Options) (*Result, error) {
	res := &Result{Task: "link", Queries: len(queries)}
	r := build(o.Model, register, res)
	if o.Train {
		var err error
		r, err = learn(r, register, func(yield func(linkage.Example) bool) {
			for _, q := range queries {
				if !yield(linkage.Example{Subject: q.Subject}) {
					return
				}
			}
		}, false, res)
		if err != nil {
			return nil, err
		}
	}
	number := map[string]casework.PersonID{}
	for i := range register {
		number[register[i].ID] = casework.PersonID(i + 1)
	}
	want := make([]casework.PersonID, len(queries))
	for i, q := range queries {
		if id := truth[q.ID]; id != "" {
			want[i] = number[id]
			if want[i] == 0 {
				want[i] = -1 // somebody who is not on the register cannot be found, and counts all the same
			}
			res.Positives++
		}
	}
	type answer struct {
		top  linkage.Score
		rank int
	}
	answers := make([]answer, len(queries))
	inParallel(len(queries), o.Progress, func(i int, scores []linkage.Score) []linkage.Score {
		scores = r.Scores(scores[:0], queries[i].Subject, floor)
		if len(scores) > 0 {
			answers[i].top = scores[0]
		}
		if want[i] == 0 {
			return scores
		}
		find := func() int {
			return slices.IndexFunc(scores, func(s linkage.Score) bool { return s.Person == want[i] }) + 1
		}
		if answers[i].rank = find(); answers[i].rank == 0 && want[i] > 0 && len(scores) < 10 {
			scores = r.Scores(scores[:0], queries[i].Subject, 1e-12)
			answers[i].rank = find()
		}
		return scores
	})
	tops := [3]int{}
	for i, a := range answers {
		if a.top.Person != 0 {
			res.scores = append(res.scores, scored{p: a.top.Probability, right: a.top.Person == want[i]})
		}
		for k, n := range [3]int{1, 5, 10} {
			if a.rank > 0 && a.rank <= n {
				tops[k]++
			}
		}
	}
	res.Top1, res.Top5, res.Top10 = share(tops[0], res.Positives), share(tops[1], res.Positives), share(tops[2], res.Positives)
	res.certain(r, queries, func(i int, id casework.PersonID) bool { return want[i] == id })
	res.measure(res.scores, res.scores)
	res.time(r, queries)
	res.Model = r.Model().Hash()
	return res, nil
}

// Dedupe evaluates a table that holds people several times. Records with the
// same cluster are one person.
func Dedupe(records []Record, o Options) (*Result, error) {
	res := &Result{Task: "dedupe", Queries: len(records)}
	model := o.Model.Deduplicating()
	r := build(model, records, res)
	if o.Train {
		var err error
		r, err = learn(r, records, func(yield func(linkage.Example) bool) {
			for i := range records {
				if !yield(linkage.Example{Subject: records[i].Subject, Self: casework.PersonID(i + 1)}) {
					return
				}
			}
		}, true, res)
		if err != nil {
			return nil, err
		}
	}
	sizes := map[string]int{}
	for _, rec := range records {
		if rec.Cluster != "" { // nothing is nobody else's
			sizes[rec.Cluster]++
		}
	}
	for _, n := range sizes {
		res.Positives += n * (n - 1) / 2
	}
	same := func(a, b int) bool { return records[a].Cluster == records[b].Cluster && records[a].Cluster != "" }
	found := make([][]linkage.Score, len(records))
	ranks := make([]int, len(records))
	inParallel(len(records), o.Progress, func(i int, scores []linkage.Score) []linkage.Score {
		self := casework.PersonID(i + 1)
		others := func(s linkage.Score) bool { return s.Person == self }
		scores = slices.DeleteFunc(r.Scores(scores[:0], records[i].Subject, floor), others)
		found[i] = slices.Clone(scores)
		if sizes[records[i].Cluster] > 1 {
			find := func() int {
				return slices.IndexFunc(scores, func(s linkage.Score) bool { return same(i, int(s.Person)-1) }) + 1
			}
			if ranks[i] = find(); ranks[i] == 0 && i < 5000 {
				scores = slices.DeleteFunc(r.Scores(scores[:0], records[i].Subject, 1e-12), others)
				ranks[i] = find()
			}
		}
		return scores
	})
	pairs := together(found)
	pairs = closeOver(r, records, pairs)
	var scores, tops []scored
	for _, p := range pairs {
		scores = append(scores, scored{p: p.p, right: same(int(p.a), int(p.b))})
	}
	ranked, within := 0, [3]int{}
	for i := range found {
		if sizes[records[i].Cluster] > 1 {
			ranked++
			for k, n := range [3]int{1, 5, 10} {
				if ranks[i] > 0 && ranks[i] <= n {
					within[k]++
				}
			}
		}
		if len(found[i]) > 0 {
			s := found[i][0]
			tops = append(tops, scored{p: s.Probability, right: same(i, int(s.Person)-1)})
		}
	}
	res.Top1, res.Top5, res.Top10 = share(within[0], ranked), share(within[1], ranked), share(within[2], ranked)
	res.scores = scores
	res.measure(scores, tops)
	res.time(r, records)
	res.Model = r.Model().Hash()
	return res, nil
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return fraction(float64(n) / float64(of))
}

func fraction(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// inParallel calls do for every number below n on every core, each with a slice to reuse.
func inParallel(n int, progress func(float64), do func(i int, scores []linkage.Score) []linkage.Score) {
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var scores []linkage.Score
			for i := w; i < n; i += workers {
				scores = do(i, scores)
				if w == 0 && progress != nil && i/workers%64 == 0 {
					progress(float64(i) / float64(n))
				}
			}
		})
	}
	wg.Wait()
	if progress != nil {
		progress(1)
	}
}

// certain counts the band, which asks for more than probability.
func (res *Result) certain(r *linkage.Register, queries []Record, right func(int, casework.PersonID) bool) {
	var mu sync.Mutex
	inParallel(len(queries), nil, func(i int, scores []linkage.Score) []linkage.Score {
		found := r.FindSubject(queries[i].Subject, .9)
		if len(found) == 0 || found[0].Band != casework.Certain {
			return scores
		}
		mu.Lock()
		defer mu.Unlock()
		res.Certain++
		if !right(i, found[0].Person) {
			res.CertainWrong++
		}
		return scores
	})
}

// measure fills the curve and what is read off it, and the calibration.
func (res *Result) measure(answers, tops []scored) {
	sorted := slices.Clone(answers)
	slices.SortStableFunc(sorted, func(a, b scored) int { return cmp.Compare(b.p, a.p) })
	tp, fp := 0, 0
	for i, s := range sorted {
		if s.right {
			tp++
		} else {
			fp++
		}
		if i+1 < len(sorted) && sorted[i+1].p == s.p {
			continue // a threshold cannot part equals
		}
		precision, recall := share(tp, tp+fp), share(tp, res.Positives)
		if f := 2 * precision * recall / max(1e-12, precision+recall); f > res.BestF1 {
			res.BestF1, res.Threshold, res.Precision, res.Recall = fraction(f), s.p, precision, recall
		}
		for _, at := range []struct {
			least float64
			into  *float64
		}{{.99, &res.RecallAtPrecision99}, {.995, &res.RecallAtPrecision995}, {.999, &res.RecallAtPrecision999}} {
			if precision >= at.least {
				*at.into = recall
			}
		}
		if n := len(res.Curve); n == 0 || i == len(sorted)-1 || math.Abs(res.Curve[n-1].Recall-recall)+math.Abs(res.Curve[n-1].Precision-precision) > .001 {
			res.Curve = append(res.Curve, Point{Threshold: s.p, Precision: precision, Recall: recall})
		}
	}
	bins := [20]Bin{}
	n := 0
	for _, s := range tops {
		if s.p < .05 {
			continue
		}
		n++
		b := &bins[min(19, int(s.p*20))]
		b.Count++
		b.Predicted += s.p
		b.spread += s.p * (1 - s.p)
		b.chance.add(s.p)
		if s.right {
			b.Observed++
		}
	}
	for i := range bins {
		b := &bins[i]
		res.CalibrationError += math.Abs(b.Predicted-b.Observed) / max(1, float64(n))
		res.CalibrationByChance += b.chance.off(b.Predicted, b.spread) / max(1, float64(n))
		b.From = float64(i) / 20
		if b.Count > 0 {
			b.Predicted, b.Observed = fraction(b.Predicted/float64(b.Count)), fraction(b.Observed/float64(b.Count))
		}
	}
	res.CalibrationError, res.CalibrationByChance = fraction(res.CalibrationError), fraction(res.CalibrationByChance)
	res.Calibration = bins[1:]
}

// time measures queries one after another on one core, at the threshold for review.
func (res *Result) time(r *linkage.Register, queries []Record) {
	most := time.Now().Add(10 * time.Second)
	var took []time.Duration
	var scores []linkage.Score
	step := max(1, len(queries)/20000)
	start := time.Now()
	for i := 0; i < len(queries) && time.Now().Before(most); i += step {
		from := time.Now()
		scores = r.Scores(scores[:0], queries[i].Subject, linkage.ReviewThreshold)
		took = append(took, time.Since(from))
	}
	whole := time.Since(start)
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }
	res.QueryP50, res.QueryP99, res.QueryMax = ms(took[len(took)/2]), ms(took[len(took)*99/100]), ms(took[len(took)-1])
	res.QueriesPerSecondCore = math.Round(float64(len(took)) / whole.Seconds())
}

// Register is a register of the records, numbered from 1.
func Register(model *linkage.Model, people []Record) *linkage.Register {
	r := linkage.New(model)
	fill(r, people)
	return r
}
