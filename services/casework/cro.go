package casework

import (
	"log/slog"
	"strings"
)

// CRO is a Criminal Records Office number in its canonical form: NNNNNN/YYX
// (serial padded to six), or SFYY/NX for a paper file (serial unpadded).
type CRO string

// ParseCRO reads both forms. With [ErrCheckLetter] the number is returned all
// the same.
//
// The check letter of the file form is reckoned over the serial padded to five
// in some systems and unpadded in others: either is accepted.
func ParseCRO(s string) (CRO, error) {
	rest, check, ok := splitCheck(bare(s))
	if !ok {
		return "", ErrIdentifier
	}
	left, right, ok := strings.Cut(rest, "/")
	if !ok {
		return "", ErrIdentifier
	}
	if file, ok := strings.CutPrefix(left, "SF"); ok {
		return parseFileCRO(file, right, check)
	}
	if !digits(left) || len(left) > 6 || !digits(right) || len(right) != 2 {
		return "", ErrIdentifier
	}
	left = pad(left, 6)
	cro := CRO(left + "/" + right + string(check))
	if checkLetter(right+left) != check {
		return cro, ErrCheckLetter
	}
	return cro, nil
}

func parseFileCRO(year, serial string, check byte) (CRO, error) {
	if !digits(year) || len(year) != 2 || !digits(serial) || len(serial) > 6 {
		return "", ErrIdentifier
	}
	serial = strings.TrimLeft(serial, "0")
	if serial == "" {
		serial = "0"
	}
	cro := CRO("SF" + year + "/" + serial + string(check))
	if checkLetter(year+pad(serial, 5)) != check && checkLetter(year+serial) != check {
		return cro, ErrCheckLetter
	}
	return cro, nil
}

// FileForm reports whether the number is that of a paper file, whose check
// letter has two rules and therefore proves less.
func (c CRO) FileForm() bool { return strings.HasPrefix(string(c), "SF") }

// Dummy reports whether the number is one that is given to whoever has none.
// Such a number is no evidence.
func (c CRO) Dummy() bool {
	if serial, _, ok := strings.Cut(string(c), "/"); ok && !c.FileForm() {
		return strings.Trim(serial, "0") == ""
	}
	return strings.HasSuffix(string(c[:max(len(c)-1, 0)]), "/0")
}

// LogValue keeps the number out of logs.
func (c CRO) LogValue() slog.Value { return slog.StringValue("[cro]") }
