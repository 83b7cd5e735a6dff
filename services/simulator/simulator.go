// Package simulator makes up a Welsh caseload and the incidents that its people
// and others are involved in, with the truth beside them: for the demo, for
// benchmarks and for measuring the matcher.
//
// Everything follows from a seed and a number: the same [World] gives the same
// person for the same number, on any machine, in any order, at any scale. No
// list of people is held, so that 2,400,000 cost no more memory than ten.
//
// Every person is invented. Names, districts and codes are facts of the
// country; nobody bears the combination knowingly.
package simulator

import (
	"math/rand/v2"

	"github.com/reportable-incidents/reportable/services/casework"
)

// World is one made-up caseload.
type World struct {
	// Seed decides everything.
	Seed uint64
	// People is how many are under supervision. At most 20 million.
	People int
	// Date is the day of the extract.
	Date casework.Date
}

// What a random sequence is for, so that one does not disturb another.
const (
	forPerson uint64 = iota + 1
	forHousehold
	forStaff
	forIncident
	forStranger
)

// random is the sequence of one thing's own.
func (w World) random(what uint64, number int) *rand.Rand {
	// Mixed, since near seeds give near beginnings.
	x := w.Seed*0x9e3779b97f4a7c15 + what*0xbf58476d1ce4e5b9
	x ^= x >> 31
	return rand.New(rand.NewPCG(x*0x94d049bb133111eb, uint64(number)*0xd6e8feb86659fd93+what))
}

// CRN is the case reference number of a person, by their number from 0.
func (w World) CRN(number int) string {
	// A bijection over 26 million, so that no two are alike and none tells its number.
	const letters, all = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26_000_000
	n := int((uint64(number)*15_485_867 + w.Seed%all) % all)
	digits := n % 1_000_000
	b := []byte{letters[n/1_000_000], '0', '0', '0', '0', '0', '0'}
	for i := 6; i > 0; i-- {
		b[i] = byte('0' + digits%10)
		digits /= 10
	}
	return string(b)
}
