package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/simulator"
)

// calibrationPeople is about the caseload of Wales.
const calibrationPeople = 16_000

// calibrated is what was seen of answers, of which the truth is known.
type calibrated struct {
	queries, positives   int
	bins                 [20]struct{ count, predicted, right float64 }
	certain, certainLost int
}

// add takes in what another worker saw.
func (c *calibrated) add(o *calibrated) {
	c.queries += o.queries
	c.positives += o.positives
	c.certain += o.certain
	c.certainLost += o.certainLost
	for i := range c.bins {
		c.bins[i].count += o.bins[i].count
		c.bins[i].predicted += o.bins[i].predicted
		c.bins[i].right += o.bins[i].right
	}
}

// ece is the expected calibration error of top candidates with probability .05 and over, in 20 bins.
func (c *calibrated) ece() float64 {
	off, n := 0.0, 0.0
	for _, b := range c.bins {
		off += math.Abs(b.predicted - b.right)
		n += b.count
	}
	return off / max(1, n)
}

// calibrationSeeds are CALIBRATION_SEEDS, or those of which the figures in
// deploy/models.md are. Nothing was chosen by looking at them.
func calibrationSeeds() []uint64 {
	var seeds []uint64
	for s := range strings.SplitSeq(os.Getenv("CALIBRATION_SEEDS"), ",") {
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			seeds = append(seeds, n)
		}
	}
	if len(seeds) == 0 {
		return []uint64{101, 202}
	}
	return seeds
}

func registerOf(world simulator.World, model *linkage.Model) *linkage.Register {
	r := linkage.New(model)
	r.PutAll(func(yield func(casework.PersonID, casework.Identity) bool) {
		for i := range world.People {
			if !yield(casework.PersonID(i+1), world.Person(i).Identity) {
				return
			}
		}
	})
	return r
}

// heard is one person of an incident, as written down, and who it is.
type heard struct {
	identity casework.Identity
	truth    casework.PersonID
}

// writer writes down the persons of an incident by its number.
type writer func(incident int) []heard

// writers are the simulator, and a clerk with mistakes of their own.
func writers(world simulator.World) map[string]writer {
	at := time.Date(2018, 10, 20, 12, 0, 0, 0, time.UTC)
	number := map[string]casework.PersonID{}
	for i := range world.People {
		number[world.CRN(i)] = casework.PersonID(i + 1)
	}
	simulator := func(incident int) (all []heard) {
		report := world.Incident(incident, at)
		for j, v := range report.Revisions[0].Persons {
			all = append(all, heard{v.Identity(), number[report.Truth[0][j]]})
		}
		return all
	}
	c := newClerk(world.Seed)
	return map[string]writer{"simulator": simulator, "clerk": func(incident int) []heard {
		all := simulator(incident)
		r := rand.New(rand.NewPCG(world.Seed, uint64(incident)))
		for j := range all {
			if all[j].truth != 0 {
				all[j].identity = c.takes(r, world.Person(int(all[j].truth)-1).Identity, world.Person(r.IntN(world.People)).Identity)
			}
		}
		return all
	}}
}

// observe looks up everybody of incidents until so many positives were met.
func observe(write writer, r *linkage.Register, positives int) calibrated {
	workers := runtime.GOMAXPROCS(0)
	seen := make([]calibrated, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			c := &seen[w]
			var scores []linkage.Score
			for i := w; c.positives*workers < positives; i += workers {
				for _, v := range write(i) {
					truth := v.truth
					c.queries++
					if truth != 0 {
						c.positives++
					}
					scores = r.Scores(scores[:0], linkage.Subject{Identity: v.identity}, .05)
					if len(scores) == 0 {
						continue
					}
					top := scores[0]
					right := 0.0
					if top.Person == truth {
						right = 1
					}
					b := &c.bins[min(19, int(top.Probability*20))]
					b.count++
					b.predicted += top.Probability
					b.right += right
					if top.Probability >= r.Model().Certain {
						if found := r.Find(v.identity, .9); found[0].Band == casework.Certain {
							c.certain++
							if found[0].Person != truth {
								c.certainLost++
							}
						}
					}
				}
			}
		})
	}
	wait.Wait()
	var all calibrated
	for i := range seen {
		all.add(&seen[i])
	}
	return all
}

// BenchmarkCalibration measures whether a probability means what it says, on
// people whom the simulator made up, with two kinds of mistakes: the
// simulator's, and a clerk's; and with two models: the one that ships, and one
// that learnt from other incidents of the same writer, without labels. Marks:
// expected calibration error no more than .01, and of a thousand that are
// certain no more than one wrong.
func BenchmarkCalibration(b *testing.B) {
	seeds := calibrationSeeds()
	enough := map[string]int{"shipped": 100_000, "learnt": 20_000}
	if testing.Short() {
		enough = map[string]int{"shipped": 5_000, "learnt": 5_000}
	}
	for _, way := range []string{"simulator", "clerk"} {
		for _, model := range []string{"shipped", "learnt"} {
			b.Run(way+"/"+model, func(b *testing.B) {
				for range b.N {
					var all calibrated
					for _, seed := range seeds {
						world := simulator.World{Seed: seed, People: calibrationPeople, Date: casework.Date{Year: 2018, Month: 10, Day: 1}}
						write := writers(world)[way]
						r := registerOf(world, linkage.Default())
						if model == "learnt" {
							r.SetModel(learnt(b, r, write))
						}
						c := observe(write, r, enough[model]/len(seeds))
						b.Logf("%s, %s model %s, seed %d: %s", way, model, r.Model().Hash(), seed, &c)
						all.add(&c)
					}
					b.Logf("%s, %s model, all: %s", way, model, &all)
					b.ReportMetric(all.ece(), "ECE")
					b.ReportMetric(1000*float64(all.certainLost)/max(1, float64(all.certain)), "wrong/1000-certain")
				}
			})
		}
	}
}

// learnt is what incidents that are not measured on teach without labels.
func learnt(b *testing.B, r *linkage.Register, write writer) *linkage.Model {
	var examples []linkage.Example
	for i := 10_000_000; len(examples) < 6000; i++ {
		for _, v := range write(i) {
			examples = append(examples, linkage.Example{Subject: linkage.Subject{Identity: v.identity}})
		}
	}
	t, err := linkage.Train(r, examples, linkage.Training{})
	if err != nil {
		b.Fatal(err)
	}
	return t.Model
}

func (c *calibrated) String() string {
	s := fmt.Sprintf("%d looked up, %d of them on the register; calibration error %.4f; %d certain, %d of them wrong\n", c.queries, c.positives, c.ece(), c.certain, c.certainLost)
	for i, bin := range c.bins {
		if bin.count > 0 {
			s += fmt.Sprintf("  from %.2f: %7.0f answers, %.4f said, %.4f right\n", float64(i)/20, bin.count, bin.predicted/bin.count, bin.right/bin.count)
		}
	}
	return s
}
