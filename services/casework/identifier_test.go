package casework

import (
	"errors"
	"fmt"
	"testing"
)

func TestAPNCIsReadInEveryFormInUse(t *testing.T) {
	for in, want := range map[string]PNC{
		"81/34U":          "1981/0000034U",
		"02/73319Z":       "2002/0073319Z",
		"2002/73319Z":     "2002/0073319Z",
		"2002/0073319Z":   "2002/0073319Z",
		"00/223R":         "2000/0000223R",
		"79/163001B":      "1979/0163001B",
		"0273319Z":        "2002/0073319Z",
		"67/9893091D":     "1967/9893091D",
		"679893091D":      "1967/9893091D",
		"20/9N":           "2020/0000009N",
		"1999/1234567B":   "1999/1234567B",
		"19991234567B":    "1999/1234567B",
		" 1999 /1234567b": "1999/1234567B",
	} {
		got, err := parsePNC(in, 2026)
		if err != nil || got != want {
			t.Errorf("ParsePNC(%q): got %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestAPNCWithAWrongCheckLetterIsKeptAndFlagged(t *testing.T) {
	for in, want := range map[string]PNC{
		"2001/0171310S": "2001/0171310S",
		"1999/1234567A": "1999/1234567A",
	} {
		got, err := parsePNC(in, 2026)
		if !errors.Is(err, ErrCheckLetter) || got != want {
			t.Errorf("ParsePNC(%q): got %v, %v, want %v and ErrCheckLetter", in, got, err, want)
		}
	}
}

func TestWhatIsNoPNCIsRefused(t *testing.T) {
	for _, in := range []string{"", "1999/1234567", "1923/1234567AA", "20001/9999M", "1999//1B", "99/12345678B", "X", "12Z", "1999/12é4B"} {
		if got, err := parsePNC(in, 2026); !errors.Is(err, ErrIdentifier) || got != "" {
			t.Errorf("ParsePNC(%q): got %v, %v, want ErrIdentifier", in, got, err)
		}
	}
}

func TestAYearOfTwoDigitsLiesInThePast(t *testing.T) {
	for year, want := range map[int]PNC{2018: "1920/0000009N", 2020: "2020/0000009N"} {
		if got, err := parsePNC("20/9N", year); err != nil || got != want {
			t.Errorf("in %d: got %v, %v, want %v", year, got, err, want)
		}
	}
}

func TestKnownDummiesAreDummies(t *testing.T) {
	for _, in := range []string{"2003/0993399B", "1933/0993399H", "2033/0993399H", "1999/0339933H", "2003/0993399H"} {
		got, _ := ParsePNC(in)
		if !got.Dummy() {
			t.Errorf("%v: got a number to trust, want a dummy", in)
		}
	}
	if PNC("1981/0000034U").Dummy() {
		t.Error("1981/0000034U: got a dummy, want a number")
	}
	cro, err := ParseCRO("000000/00Z")
	if err != nil || !cro.Dummy() {
		t.Errorf("000000/00Z: got %v, dummy %v, want a valid dummy", err, cro.Dummy())
	}
	if !Postcode("NF1 1NF").Dummy() || Postcode("CF10 3AT").Dummy() {
		t.Error("NF1 1NF is a dummy and CF10 3AT is not")
	}
}

func TestACROIsReadInBothForms(t *testing.T) {
	for in, want := range map[string]CRO{
		"65656/91H":   "065656/91H",
		"123456/99L":  "123456/99L",
		"1/11X":       "000001/11X",
		"097501/98T":  "097501/98T",
		"97501/98t":   "097501/98T",
		"SF88/1234H":  "SF88/1234H",
		"SF11/1C":     "SF11/1C",
		"sf11/00001c": "SF11/1C",
	} {
		got, err := ParseCRO(in)
		if err != nil || got != want {
			t.Errorf("ParseCRO(%q): got %v, %v, want %v", in, got, err, want)
		}
		if got.FileForm() != (want[0] == 'S') {
			t.Errorf("ParseCRO(%q): file form %v", in, got.FileForm())
		}
	}
	// The second rule: the letter reckoned over the serial as it stands.
	unpadded := "SF88/1234" + string(checkLetter("881234"))
	if _, err := ParseCRO(unpadded); err != nil {
		t.Errorf("ParseCRO(%q): got %v, want it accepted by the unpadded rule", unpadded, err)
	}
	for _, in := range []string{"85227/65G", "123456/99Z", "SF88/1234A"} {
		if got, err := ParseCRO(in); !errors.Is(err, ErrCheckLetter) || got == "" {
			t.Errorf("ParseCRO(%q): got %v, %v, want the number and ErrCheckLetter", in, got, err)
		}
	}
	for _, in := range []string{"", "1234567/99L", "123456/1999L", "123456", "SF/1C", "/99L"} {
		if got, err := ParseCRO(in); !errors.Is(err, ErrIdentifier) {
			t.Errorf("ParseCRO(%q): got %v, %v, want ErrIdentifier", in, got, err)
		}
	}
}

func TestTheOtherReferencesHaveTheirForms(t *testing.T) {
	for _, c := range []struct {
		parse func(string) (string, error)
		in    string
		want  string
		err   error
	}{
		{ParseNOMS, "a1234bc", "A1234BC", nil},
		{ParseNOMS, "A123BC", "", ErrIdentifier},
		{ParseNOMS, "A1234BCD", "", ErrIdentifier},
		{ParseCRN, "x123456", "X123456", nil},
		{ParseCRN, "AB123456", "AB123456", nil},
		{ParseCRN, "ABC123456", "", ErrIdentifier},
		{ParseCRN, "X12345", "", ErrIdentifier},
		{ParseASN, "1101ZD0100000448754K", "11/01ZD/01/00000448754K", nil},
		{ParseASN, "1101ZD0100000448754J", "11/01ZD/01/00000448754J", ErrCheckLetter},
		{ParseASN, "11/01ZD/01/00000410836V", "11/01ZD/01/00000410836V", nil},
		{ParseASN, "11/01ZD/01/410836V", "11/01ZD/01/00000410836V", nil},
		{ParseASN, "11/01ZD/01", "", ErrIdentifier},
	} {
		got, err := c.parse(c.in)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q: got %q, %v, want %q, %v", c.in, got, err, c.want, c.err)
		}
	}
}

func TestAPostcodeIsNormalised(t *testing.T) {
	for in, want := range map[string]Postcode{
		"cf103at": "CF10 3AT", "CF10 3AT": "CF10 3AT", " cf 10 3 at": "CF10 3AT", "LL654YF": "LL65 4YF",
		"M1 1AA": "M1 1AA", "EC1A1BB": "EC1A 1BB", "W1A 0AX": "W1A 0AX", "NF1 1NF": "NF1 1NF",
	} {
		got, err := ParsePostcode(in)
		if err != nil || got != want {
			t.Errorf("ParsePostcode(%q): got %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "CF10", "CF10 3A", "1F10 3AT", "CFF10 3AT", "CF10 AAT", "CF 3AT"} {
		if got, err := ParsePostcode(in); !errors.Is(err, ErrIdentifier) {
			t.Errorf("ParsePostcode(%q): got %v, %v, want ErrIdentifier", in, got, err)
		}
	}
	if p := Postcode("CF10 3AT"); p.Outward() != "CF10" {
		t.Errorf("got outward %q, want CF10", p.Outward())
	}
}

func TestAMistypedDigitNeverPassesTheCheck(t *testing.T) {
	for d := range 10 {
		in := fmt.Sprintf("1999/12345%d7B", d)
		_, err := parsePNC(in, 2026)
		if (err == nil) != (d == 6) {
			t.Errorf("%s: got %v", in, err)
		}
	}
}
