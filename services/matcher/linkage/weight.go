package linkage

import (
	"math"
	"math/bits"
)

// weight is a log2 in units of 1/1024 bit. Integers add up the same in any
// order and on any machine; as float64 they are exact too, so a waterfall's
// steps add up to its total without a remainder.
type weight int32

const unit = 1024 // of a weight, to the bit

// floor is the weight of what cannot be: log2 of nothing.
const floorWeight weight = -64 * unit

// bits gives the weight in bits, exactly.
func (w weight) bits() float64 { return float64(w) / unit }

// fromBits rounds to the nearest unit.
func fromBits(b float64) weight {
	if b != b || b < -1000 {
		return floorWeight
	}
	return weight(math.RoundToEven(min(b, 1000) * unit))
}

// lg is log2(x), rounded down to a unit. It is reckoned in integers, because
// the library's logarithms differ in the last place between architectures.
func lg(x float64) weight {
	if !(x > 0) {
		return floorWeight
	}
	fraction, exponent := math.Frexp(x) // x = fraction * 2^exponent, fraction in [1/2, 1)
	w := weight(exponent-1) * unit
	// The mantissa as a fixed-point number in [1, 2) with 63 bits behind the point.
	m := uint64(fraction * (1 << 53))
	m <<= 64 - 53
	for bit := weight(unit / 2); bit > 0; bit /= 2 {
		hi, lo := bits.Mul64(m, m) // squared: [1, 4) with 62 bits behind the point in hi
		if hi&(1<<63) != 0 {
			w += bit
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return max(w, floorWeight)
}

// roots holds 2^(i/1024). Square roots and products round the same everywhere.
var roots = func() (r [unit]float64) {
	step := 2.0
	for range 10 {
		step = math.Sqrt(step)
	}
	// By binary digits, so that errors do not pile up.
	var powers [10]float64
	for i := range powers {
		powers[i] = step
		step *= step
	}
	for i := range r {
		r[i] = 1
		for b := range powers {
			if i&(1<<b) != 0 {
				r[i] *= powers[b]
			}
		}
	}
	return r
}()

// odds is 2^w.
func (w weight) odds() float64 {
	whole := int(w) >> 10
	return math.Ldexp(roots[int(w)&(unit-1)], whole)
}

// probability is odds over one plus odds, rounded to nine places so that it
// prints the same everywhere.
func (w weight) probability() float64 {
	o := w.odds()
	p := o / (1 + o)
	return math.RoundToEven(p*1e9) / 1e9
}

// weightOf is the weight of a probability: the inverse of probability.
func weightOf(p float64) weight {
	switch {
	case p <= 0:
		return -1 << 24
	case p >= 1:
		return 1 << 24
	}
	return lg(p / (1 - p))
}
