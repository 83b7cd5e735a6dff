package evaluation

import "math"

// chance is how many answers of a bin may be right, by the probability of each
// number, if probabilities mean what they say. Of many answers it is not kept:
// the normal distribution does.
type chance struct {
	numbers []float64
	many    bool
}

const manyAnswers = 200

func (c *chance) add(p float64) {
	if c.many {
		return
	}
	if len(c.numbers) == 0 {
		c.numbers = []float64{1}
	}
	if len(c.numbers) > manyAnswers {
		c.numbers, c.many = nil, true
		return
	}
	c.numbers = append(c.numbers, 0)
	for k := len(c.numbers) - 1; k >= 0; k-- {
		c.numbers[k] *= 1 - p
		if k > 0 {
			c.numbers[k] += c.numbers[k-1] * p
		}
	}
}

// off is how far their number is from the one expected on average.
func (c *chance) off(expected, variance float64) float64 {
	if c.many {
		return math.Sqrt(2 / math.Pi * variance)
	}
	sum := 0.0
	for k, p := range c.numbers {
		sum += p * math.Abs(float64(k)-expected)
	}
	return sum
}
