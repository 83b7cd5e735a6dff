package casework

import "strings"

// Postcode is a United Kingdom postcode in its canonical form, such as
// CF10 3AT: outward and inward code with one space between.
type Postcode string

// ParsePostcode forgives case and missing or additional spaces.
func ParsePostcode(s string) (Postcode, error) {
	s = bare(s)
	if len(s) < 5 || len(s) > 7 {
		return "", ErrIdentifier
	}
	out, in := s[:len(s)-3], s[len(s)-3:]
	if !digits(in[:1]) || !letters(in[1:]) || !outward(out) {
		return "", ErrIdentifier
	}
	return Postcode(out + " " + in), nil
}

// outward accepts A9, A99, A9A, AA9, AA99 and AA9A.
func outward(s string) bool {
	n := 0
	for n < len(s) && letters(s[n:n+1]) {
		n++
	}
	if n < 1 || n > 2 || n == len(s) {
		return false
	}
	rest := s[n:]
	switch len(rest) {
	case 1:
		return digits(rest)
	case 2:
		return digits(rest[:1]) && (digits(rest[1:]) || letters(rest[1:]))
	}
	return false
}

// Outward is the part before the space: the district, such as CF10.
func (p Postcode) Outward() string {
	out, _, _ := strings.Cut(string(p), " ")
	return out
}

// Dummy reports whether the postcode stands for no place: no fixed abode
// (NF1 1NF), abroad or unknown (ZZ99, ZZ9). Sharing one is no evidence.
func (p Postcode) Dummy() bool {
	switch p.Outward() {
	case "NF1", "NFA", "ZZ99", "ZZ9", "ZZ1", "XX1", "XX9", "XX99":
		return true
	}
	return false
}
