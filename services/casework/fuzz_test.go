package casework

import (
	"errors"
	"testing"
)

// FuzzIdentifiers: any text is an identifier or is refused without being
// quoted, and what was read is read again as the same.
func FuzzIdentifiers(f *testing.F) {
	for _, seed := range []string{"2003/0252614A", "09/516032B", "87/146437u", "02 / 73319 Z", "SF94/74348A", "248027/99P", "X123456", "A1234BC",
		"1862ZD0100000007746C", "CF48 6ZE", "cf486ze", "W1A 0AX", "", "/", "00/0A", "é", "\xff", "1980-02-31", "1980-02", "1980", "0000-01-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		again(t, "PNC", s, func(s string) (string, error) { v, err := ParsePNC(s); return string(v), err })
		again(t, "CRO", s, func(s string) (string, error) { v, err := ParseCRO(s); return string(v), err })
		again(t, "CRN", s, ParseCRN)
		again(t, "NOMS", s, ParseNOMS)
		again(t, "ASN", s, ParseASN)
		again(t, "postcode", s, func(s string) (string, error) { v, err := ParsePostcode(s); return string(v), err })
		again(t, "date", s, func(s string) (string, error) { v, err := ParseDate(s); return v.String(), err })
	})
}

func again(t *testing.T, kind, s string, parse func(string) (string, error)) {
	t.Helper()
	first, err := parse(s)
	if err != nil {
		if len(s) > 3 && errors.Is(err, ErrIdentifier) && err.Error() != ErrIdentifier.Error() {
			t.Errorf("%s: the error says more than that it is none", kind)
		}
		return
	}
	if second, err := parse(first); err != nil || second != first {
		t.Errorf("%s: what was read is not read again as the same: %v", kind, err)
	}
}
