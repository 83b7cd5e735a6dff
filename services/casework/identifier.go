package casework

import (
	"errors"
	"strings"
)

// ErrIdentifier means that a text does not have the form of the identifier.
// It never carries the text: an identifier stays out of logs.
var ErrIdentifier = errors.New("not of the identifier's form")

// ErrCheckLetter means that an identifier has the right form and the wrong
// check letter: evidence of a typing error, not of a different person. The
// value is returned all the same, for loose comparison.
var ErrCheckLetter = errors.New("the check letter does not fit")

// checkAlphabet leaves out I, O and S, which look like digits. A letter's place
// is the number's remainder by 23.
const checkAlphabet = "ZABCDEFGHJKLMNPQRTUVWXY"

// checkLetter is the letter for a string of decimal digits of any length.
func checkLetter(digits string) byte {
	remainder := 0
	for i := range len(digits) {
		remainder = (remainder*10 + int(digits[i]-'0')) % 23
	}
	return checkAlphabet[remainder]
}

// bare is the text in capitals without spaces and dashes, as people forgive them.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r == ' ' || r == '\t' || r == '-' || r == '.' || r == '\u00a0':
			return -1
		}
		return r
	}, s)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func letters(s string) bool {
	for i := range len(s) {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return s != ""
}

// pad puts noughts before the digits until they are n long.
func pad(digits string, n int) string {
	if len(digits) >= n {
		return digits
	}
	return strings.Repeat("0", n-len(digits)) + digits
}

// splitCheck parts the last letter from what stands before it.
func splitCheck(s string) (rest string, check byte, ok bool) {
	if s == "" || s[len(s)-1] < 'A' || s[len(s)-1] > 'Z' {
		return "", 0, false
	}
	return s[:len(s)-1], s[len(s)-1], true
}
