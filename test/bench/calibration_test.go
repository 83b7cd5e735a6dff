package bench

import (
	"fmt"
	"math"
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

// TestingSeeds are those that calibration is measured on. Nothing is chosen by looking at them.
func calibrationSeeds() []uint64 {
	seeds := []uint64{}
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

func simulated(seed uint64) (simulator.World, *linkage.Register) {
	world := simulator.World{Seed: seed, People: calibrationPeople, Date: casework.Date{Year: 2018, Month: 10, Day: 1}}
	return world, registerOf(world, linkage.Default())
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

// observe looks up everybody of incidents until so many positives were met.
func observe(world simulator.World, r *linkage.Register, positives int) calibrated {
	at := time.Date(2018, 10, 20, 12, 0, 0, 0, time.UTC)
	number := map[string]casework.PersonID{}
	for i := range world.People {
		number[world.CRN(i)] = casework.PersonID(i + 1)
	}
	workers := runtime.GOMAXPROCS(0)
	seen := make([]calibrated, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			c := &seen[w]
			var scores []linkage.Score
			for i := w; c.positives*workers < positives; i += workers {
				report := world.Incident(i, at)
				for j, v := range report.Revisions[0].Persons {
					truth := number[report.Truth[0][j]]
					c.queries++
					if truth != 0 {
						c.positives++
					}
					scores = r.Scores(scores[:0], linkage.Subject{Identity: v.Identity()}, .05)
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
						if found := r.Find(v.Identity(), .9); found[0].Band == casework.Certain {
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
// people whom the simulator made up and whose mistakes it made: its shares of
// mistakes are its own, and no weight was learnt from them. Marks: expected
// calibration error no more than .01, and of a thousand that are certain no
// more than one wrong.
func BenchmarkCalibration(b *testing.B) {
	positives := 100_000
	if testing.Short() {
		positives = 5_000
	}
	for _, seed := range calibrationSeeds() {
		b.Run(fmt.Sprintf("seed=%d", seed), func(b *testing.B) {
			for range b.N {
				world, r := simulated(seed)
				c := observe(world, r, positives/len(calibrationSeeds()))
				b.Logf("seed %d: %d looked up, %d of them on the register; calibration error %.4f; %d certain, %d of them wrong", seed, c.queries, c.positives, c.ece(), c.certain, c.certainLost)
				for i, bin := range c.bins {
					if bin.count > 0 {
						b.Logf("  from %.2f: %7.0f answers, %.4f said, %.4f right", float64(i)/20, bin.count, bin.predicted/bin.count, bin.right/bin.count)
					}
				}
				b.ReportMetric(c.ece(), "ECE")
				b.ReportMetric(float64(c.certainLost)/max(1, float64(c.certain)), "certain-wrong")
			}
		})
	}
}
