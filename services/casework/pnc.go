package casework

import (
	"log/slog"
	"strings"
	"time"
)

// PNC is a Police National Computer number in its canonical form
// YYYY/NNNNNNNX: year, serial padded to seven, check letter.
type PNC string

// The numbers that systems hand out to whoever has none. Some pass the check.
var dummyPNC = map[PNC]bool{
	"2003/0993399B": true,
	"1933/0993399H": true,
	"2033/0993399H": true,
	"1999/0339933H": true,
	"2003/0993399H": true,
}

// ParsePNC reads a PNC in any of the forms in use: with a slash, year of two or
// four digits and the serial unpadded or padded; or without one. With
// [ErrCheckLetter] the number is returned all the same.
//
// The slash decides where the year ends, never the length: 2002/73319Z is short
// of noughts, not of a century.
func ParsePNC(s string) (PNC, error) { return parsePNC(s, time.Now().Year()) }

func parsePNC(s string, thisYear int) (PNC, error) {
	rest, check, ok := splitCheck(bare(s))
	if !ok {
		return "", ErrIdentifier
	}
	year, serial, slashed := strings.Cut(rest, "/")
	if !slashed {
		if !digits(rest) || len(rest) < 3 {
			return "", ErrIdentifier
		}
		n := 2
		if len(rest) > 9 {
			n = 4
		}
		year, serial = rest[:n], rest[n:]
	}
	if !digits(year) || !digits(serial) || len(serial) > 7 || (len(year) != 2 && len(year) != 4) {
		return "", ErrIdentifier
	}
	serial = pad(serial, 7)
	short := year[len(year)-2:]
	if len(year) == 2 {
		century := "19"
		if int(short[0]-'0')*10+int(short[1]-'0') <= thisYear%100 {
			century = "20"
		}
		year = century + short
	}
	pnc := PNC(year + "/" + serial + string(check))
	if checkLetter(short+serial) != check {
		return pnc, ErrCheckLetter
	}
	return pnc, nil
}

// Dummy reports whether the number is one that is given to whoever has none.
// Such a number is no evidence.
func (p PNC) Dummy() bool {
	return dummyPNC[p] || (len(p) == 13 && strings.Trim(string(p[5:12]), "0") == "")
}

// LogValue keeps the number out of logs.
func (p PNC) LogValue() slog.Value { return slog.StringValue("[pnc]") }
