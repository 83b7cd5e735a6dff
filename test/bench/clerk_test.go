package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// clerk takes people down with mistakes of another kind than the simulator's,
// and in other shares: each clerk has shares of their own, up to twice as many
// or half as many as a middling one. Neither the kinds nor the shares were
// taken from what the matcher expects.
type clerk struct {
	respelt, misread, otherName, otherSurname, shortened, initial, firstDropped, exchanged float64
	noBirth, digit, neighbours, dayMonth, byAge                                            float64
	noPlace, moved, noStreet, house, postDigit                                             float64
	noSex, wrongSex, givesPNC, givesCRO, numberWrong                                       float64
}

func newClerk(seed uint64) clerk {
	r := rand.New(rand.NewPCG(seed, 77))
	about := func(share float64) float64 { return share * math.Exp2(2*r.Float64()-1) }
	return clerk{
		respelt: about(.05), misread: about(.03), otherName: about(.02), otherSurname: about(.02),
		shortened: about(.06), initial: about(.015), firstDropped: about(.02), exchanged: about(.012),
		noBirth: about(.06), digit: about(.02), neighbours: about(.008), dayMonth: about(.012), byAge: about(.01),
		noPlace: about(.12), moved: about(.09), noStreet: about(.05), house: about(.03), postDigit: about(.02),
		noSex: about(.02), wrongSex: about(.003), givesPNC: about(.25), givesCRO: about(.06), numberWrong: about(.03),
	}
}

var (
	bySound = strings.NewReplacer("ph", "f", "ck", "k", "ie", "ei", "ll", "l", "nn", "n", "tt", "t", "y", "i", "ou", "ow", "ae", "ai")
	byEye   = strings.NewReplacer("rn", "m", "cl", "d", "vv", "w", "u", "v", "h", "b")
)

// takes is what the clerk writes down of a person. Another is somebody else,
// whose name or home may be theirs by now.
func (c clerk) takes(r *rand.Rand, is, another casework.Identity) casework.Identity {
	happens := func(share float64) bool { return r.Float64() < share }
	said := casework.Identity{Name: is.Name, DateOfBirth: is.DateOfBirth, Sex: is.Sex, Place: is.Place}
	if happens(c.otherName) && len(is.Aliases) > 0 {
		if first, last, ok := strings.Cut(is.Aliases[r.IntN(len(is.Aliases))], " "); ok {
			said.Forenames, said.Surname = first, last
		}
	}
	if happens(c.otherSurname) {
		said.Surname = another.Surname
	}
	names := strings.Fields(said.Forenames)
	if len(names) > 1 && happens(c.firstDropped) {
		names = names[1:]
	}
	if len(names) > 1 && happens(.5) {
		names = names[:1]
	}
	if len(names) > 0 {
		if first := []rune(names[0]); happens(c.shortened) && len(first) > 4 {
			names[0] = string(first[:3])
		} else if happens(c.initial) {
			names[0] = string(first[:1])
		}
	}
	said.Forenames = strings.Join(names, " ")
	for _, name := range []*string{&said.Surname, &said.Forenames} {
		if happens(c.respelt) {
			*name = bySound.Replace(*name)
		}
		if happens(c.misread) {
			*name = byEye.Replace(*name)
		}
	}
	if happens(c.exchanged) {
		said.Forenames, said.Surname = said.Surname, said.Forenames
	}
	c.birth(r, &said)
	c.place(r, &said, another)
	switch {
	case happens(c.noSex):
		said.Sex = ""
	case happens(c.wrongSex) && said.Sex == casework.Female:
		said.Sex = casework.Male
	}
	if len(is.PNCs) > 0 && happens(c.givesPNC) {
		said.PNCs = []string{c.number(r, is.PNCs[r.IntN(len(is.PNCs))])}
	}
	if len(is.CROs) > 0 && happens(c.givesCRO) {
		said.CROs = []string{c.number(r, is.CROs[r.IntN(len(is.CROs))])}
	}
	return said
}

func (c clerk) birth(r *rand.Rand, said *casework.Identity) {
	d := said.DateOfBirth
	written := []byte(d.String())
	switch n := r.Float64(); {
	case n < c.noBirth:
		said.DateOfBirth = casework.Date{}
		return
	case n < c.noBirth+c.digit:
		if at := []int{2, 3, 5, 6, 8, 9}[r.IntN(6)]; at < len(written) {
			written[at] = byte('0' + r.IntN(10))
		}
	case n < c.noBirth+c.digit+c.neighbours:
		if at := []int{2, 5, 8}[r.IntN(3)]; at+1 < len(written) {
			written[at], written[at+1] = written[at+1], written[at]
		}
	case n < c.noBirth+c.digit+c.neighbours+c.dayMonth:
		if d.Day > 0 && d.Day <= 12 && int(d.Month) > 0 {
			written = []byte(casework.Date{Year: d.Year, Month: time.Month(d.Day), Day: int(d.Month)}.String())
		}
	case n < c.noBirth+c.digit+c.neighbours+c.dayMonth+c.byAge:
		written = []byte(casework.Date{Year: d.Year + r.IntN(3) - 1, Month: 1, Day: 1}.String())
	}
	if read, err := casework.ParseDate(string(written)); err == nil {
		said.DateOfBirth = read
	}
}

func (c clerk) place(r *rand.Rand, said *casework.Identity, another casework.Identity) {
	happens := func(share float64) bool { return r.Float64() < share }
	switch {
	case happens(c.noPlace):
		said.Place = casework.Place{}
		return
	case happens(c.moved):
		said.Place = another.Place
	case happens(c.noStreet):
		said.Address = ""
	}
	if number, street, ok := strings.Cut(said.Address, " "); ok && happens(c.house) {
		said.Address = number + string(byte('0'+r.IntN(10))) + " " + street
	}
	if at := strings.IndexByte(said.Postcode, ' ') + 1; at > 0 && at < len(said.Postcode) && happens(c.postDigit) {
		b := []byte(said.Postcode)
		b[at] = byte('0' + r.IntN(10))
		said.Postcode = string(b)
	}
}

// number gives two neighbouring characters the wrong way round now and then.
func (c clerk) number(r *rand.Rand, s string) string {
	b := []byte(s)
	if len(b) > 6 && r.Float64() < c.numberWrong {
		at := len(b) - 4
		b[at], b[at+1] = b[at+1], b[at]
	}
	return string(b)
}
