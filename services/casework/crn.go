package casework

import "strings"

// ParseCRN reads a case reference number: one or two letters and six digits.
func ParseCRN(s string) (string, error) {
	s = bare(s)
	n := len(s) - 6
	if n < 1 || n > 2 || !letters(s[:n]) || !digits(s[n:]) {
		return "", ErrIdentifier
	}
	return s, nil
}

// ParseNOMS reads a prison number: a letter, four digits, two letters.
func ParseNOMS(s string) (string, error) {
	s = bare(s)
	if len(s) != 7 || !letters(s[:1]) || !digits(s[1:5]) || !letters(s[5:]) {
		return "", ErrIdentifier
	}
	return s, nil
}

// ParseASN reads an arrest or summons number, with slashes or without, into its
// canonical form YY/FFUU/SS/NNNNNNNNNNNX: year, force and unit, system, serial
// padded to eleven, check letter. With [ErrCheckLetter] the number is returned
// all the same.
func ParseASN(s string) (string, error) {
	rest, check, ok := splitCheck(bare(s))
	if !ok {
		return "", ErrIdentifier
	}
	year, unit, system, serial := "", "", "", ""
	if parts := strings.Split(rest, "/"); len(parts) == 4 {
		year, unit, system, serial = parts[0], parts[1], parts[2], parts[3]
	} else if len(parts) == 1 && len(rest) == 19 {
		year, unit, system, serial = rest[:2], rest[2:6], rest[6:8], rest[8:]
	}
	if len(year) != 2 || !digits(year) || len(unit) != 4 || !digits(unit[:2]) ||
		len(system) != 2 || !digits(system) || len(serial) > 11 || !digits(serial) {
		return "", ErrIdentifier
	}
	serial = pad(serial, 11)
	asn := year + "/" + unit + "/" + system + "/" + serial + string(check)
	// The unit's letters take no part in the check.
	if checkLetter(unit[:2]+system+year+serial) != check {
		return asn, ErrCheckLetter
	}
	return asn, nil
}
