package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"github.com/reportable-incidents/reportable/services/casework"
)

// asTaken is what an officer writes down of somebody: what they are told at a
// doorstep, with the mistakes that are made there. The shares are guesses at
// what police records are like; none is zero, so that the matcher meets all.
func asTaken(r *rand.Rand, id casework.Identity, role casework.Role, in int) casework.Involvement {
	v := casework.Involvement{Role: role, Sex: id.Sex, Address: id.Address, Postcode: id.Postcode, DateOfBirth: id.DateOfBirth}
	v.Forenames, v.Surname = takenName(r, id)
	v.DateOfBirth = takenBirth(r, id.DateOfBirth)
	switch n := r.IntN(1000); {
	case n < 20:
		v.Sex = casework.Unspecified
	case n < 30:
		v.Sex = ""
	case n < 33 && id.Sex == casework.Male:
		v.Sex = casework.Female
	}
	if r.IntN(100) < 4 && len(id.Aliases) > 0 {
		v.AlsoKnownAs = []string{one(r, id.Aliases)}
	}
	known := role == casework.RoleArrested || (role == casework.RoleSuspect && r.IntN(100) < 35)
	if known && len(id.PNCs) > 0 && r.IntN(100) < 90 {
		v.PNC = takenPNC(r, one(r, id.PNCs))
	}
	if known && len(id.CROs) > 0 && r.IntN(100) < 12 {
		v.CRO = one(r, id.CROs)
	}
	takenPlace(r, &v, id, in)
	return v
}

func takenName(r *rand.Rand, id casework.Identity) (forenames, last string) {
	names := strings.Fields(id.Forenames)
	last = id.Surname
	switch n := r.IntN(100); {
	case n < 4 && len(id.Aliases) > 0: // gives another name
		words := strings.Fields(one(r, id.Aliases))
		names, last = words[:len(words)-1], words[len(words)-1]
	case n < 6 && len(names) > 1: // goes by the middle name
		names = names[1:2]
	case n < 8 && id.Sex == casework.Female: // has married
		last = surname(r)
	}
	if len(names) > 1 && r.IntN(100) < 40 {
		names = names[:1]
	}
	if len(names) > 0 {
		switch n := r.IntN(100); {
		case n < 7:
			if short := nicknames[names[0]]; len(short) > 0 {
				names = []string{one(r, short)}
			}
		case n < 10:
			if other := counterparts[names[0]]; len(other) > 0 {
				names = append([]string{one(r, other)}, names[1:]...)
			}
		case n < 14:
			names = append([]string{typo(r, names[0])}, names[1:]...)
		case n < 15:
			names = []string{names[0][:1]}
		}
	}
	forenames = strings.Join(names, " ")
	if r.IntN(100) < 4 {
		last = typo(r, last)
	}
	if a, b, double := strings.Cut(last, "-"); double && r.IntN(3) == 0 {
		last = one(r, []string{a, b, a + " " + b})
	}
	if r.IntN(100) < 75 {
		forenames, last = plain(forenames), plain(last)
	}
	if r.IntN(1000) < 15 {
		forenames, last = last, forenames
	}
	if r.IntN(4) == 0 {
		forenames, last = strings.ToUpper(forenames), strings.ToUpper(last)
	}
	return forenames, last
}

// plain drops diacritics, as most police systems do.
func plain(s string) string {
	s = strings.NewReplacer("Ł", "L", "ł", "l").Replace(s)
	t, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), s)
	if err != nil {
		return s
	}
	return t
}

// typo makes one slip of the finger.
func typo(r *rand.Rand, s string) string {
	c := []rune(s)
	if len(c) < 3 {
		return s
	}
	at := 1 + r.IntN(len(c)-1)
	switch r.IntN(4) {
	case 0: // left out
		return string(append(c[:at:at], c[at+1:]...))
	case 1: // typed twice
		return string(append(append(c[:at:at], c[at]), c[at:]...))
	case 2: // swapped with the one before
		if at > 1 {
			c[at-1], c[at] = c[at], c[at-1]
			return string(c)
		}
	}
	near := strings.Index("qwertyuiopasdfghjklzxcvbnm", strings.ToLower(string(c[at])))
	if near > 0 {
		c[at] = rune("qwertyuiopasdfghjklzxcvbnm"[near-1])
	}
	return string(c)
}

func takenBirth(r *rand.Rand, born casework.Date) casework.Date {
	day := func(y, m, d int) casework.Date {
		t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		if int(t.Month()) != m {
			return born
		}
		return casework.DateOf(t)
	}
	y, m, d := born.Year, int(born.Month), born.Day
	switch n := r.IntN(1000); {
	case n < 60:
		return casework.Date{}
	case n < 75 && d <= 12:
		return day(y, d, m)
	case n < 85:
		return day(y+one(r, []int{-1, 1}), m, d)
	case n < 90:
		return day(y+one(r, []int{-10, 10}), m, d)
	case n < 100:
		return day(y, 1, 1)
	case n < 112:
		return day(y, m, 1+r.IntN(28))
	case n < 120:
		return day(y, 1+r.IntN(12), d)
	}
	return born
}

func takenPNC(r *rand.Rand, s string) string {
	year, rest, _ := strings.Cut(s, "/")
	serial, check := strings.TrimLeft(rest[:len(rest)-1], "0"), rest[len(rest)-1:]
	switch n := r.IntN(100); {
	case n < 3: // a digit mistyped
		b := []byte(s)
		at := 5 + r.IntN(7)
		b[at] = '0' + (b[at]-'0'+byte(1+r.IntN(9)))%10
		return string(b)
	case n < 25:
		return year[2:] + "/" + serial + check
	case n < 35:
		return year[2:] + rest
	case n < 40:
		return strings.ToLower(year + "/" + serial + check)
	}
	return s
}

func takenPlace(r *rand.Rand, v *casework.Involvement, id casework.Identity, in int) {
	switch n := r.IntN(100); {
	case n < 14:
		v.Address, v.Postcode = "", ""
	case n < 20:
		v.Address = ""
	case n < 29: // has moved, and the case record does not know
		p := home(r, in)
		v.Address, v.Postcode = p.Address, p.Postcode
	case n < 33 && len(id.Previous) > 0:
		v.Address, v.Postcode = address(r), one(r, id.Previous).Postcode
	case n < 34:
		v.Address, v.Postcode = "No fixed abode", "NF1 1NF"
	case n < 37:
		v.Address = typo(r, v.Address)
	case n < 39 && v.Postcode != "":
		b := []byte(v.Postcode)
		b[len(b)-1] = inwardLetters[r.IntN(20)]
		v.Postcode = string(b)
	}
	if r.IntN(100) < 22 {
		v.Postcode = strings.ReplaceAll(v.Postcode, " ", "")
	}
}

// stranger is somebody who is not on the caseload. One in twenty-five is a
// relative, at the same address, of somebody who is.
func (w World) stranger(r *rand.Rand, in int) casework.Identity {
	id := w.identity(r, in, r.IntN(100) < 40)
	if w.People > 0 && r.IntN(25) == 0 {
		of := w.Person(r.IntN(w.People))
		id = kin(r, of.Identity, id, w.Date)
	}
	if r.IntN(100) < 30 {
		year := min(id.DateOfBirth.Year+14+r.IntN(12), w.Date.Year)
		id.PNCs = []string{string(casework.NewPNC(year, 1+r.IntN(9_999_990)))}
	}
	return id
}

// child is somebody young at an address.
func child(r *rand.Rand, of casework.Involvement, today casework.Date) casework.Involvement {
	female := r.IntN(2) == 0
	v := casework.Involvement{Role: casework.RoleChild, Forenames: forename(r, female), Surname: of.Surname, Sex: casework.Male, Address: of.Address, Postcode: of.Postcode}
	if female {
		v.Sex = casework.Female
	}
	v.DateOfBirth = casework.DateOf(today.Time().AddDate(0, 0, -200-r.IntN(6000)))
	return v
}

var summaries = []string{
	"Caller reports shouting and a bang from the address; both parties spoken to apart.",
	"Argument about money. No injuries seen; parties advised and one left for the night.",
	"Window broken at the rear. Those present had been drinking.",
	"Complaint of repeated messages against a court order.",
	"Report of a man trying door handles along the street; searched, details taken.",
	"Goods taken from a shop; detained at the door by security.",
	"Stopped and searched in the street; details taken and nothing found.",
	"Dispute between neighbours over parking; words of advice given to both.",
	"Call from a passer-by, worried about a person seen upset near the bridge.",
}

func summary(r *rand.Rand) string { return one(r, summaries) }

// lsoa is a statistical area of the PDU.
func lsoa(r *rand.Rand, in int) string {
	return fmt.Sprintf("W%08d", 1000000+areas[in].lsoa+r.IntN(200))
}

func factors(r *rand.Rand) []string {
	var all []string
	for _, f := range []struct {
		name  string
		share int
	}{{"alcohol", 30}, {"drugs", 11}, {"mental-health", 12}, {"weapon", 5}} {
		if r.IntN(100) < f.share {
			all = append(all, f.name)
		}
	}
	return slices.Clip(all)
}
