package evaluation

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestChanceIsWhatDrawingTimeAndAgainShows(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 3, 40, 700} {
		ps, expected, variance := make([]float64, n), 0.0, 0.0
		var c chance
		for i := range ps {
			ps[i] = .3 + random.Float64()*.05
			expected, variance = expected+ps[i], variance+ps[i]*(1-ps[i])
			c.add(ps[i])
		}
		const rounds = 4000
		off := 0.0
		for range rounds {
			right := 0.0
			for _, p := range ps {
				if random.Float64() < p {
					right++
				}
			}
			off += math.Abs(right-expected) / rounds
		}
		if got := c.off(expected, variance); math.Abs(got-off) > .05*off {
			t.Errorf("%d answers: got %.4f, want about %.4f", n, got, off)
		}
	}
}
