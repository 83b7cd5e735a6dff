package casework

import "testing"

func TestAnIssuedIdentifierPassesItsOwnCheck(t *testing.T) {
	for n := range 2000 {
		if got, err := ParsePNC(string(NewPNC(1950+n%76, n*4999))); err != nil || got != NewPNC(1950+n%76, n*4999) {
			t.Fatalf("PNC %d: got %v", n, err)
		}
		if got, err := ParseCRO(string(NewCRO(n*499, 1950+n%76))); err != nil || got != NewCRO(n*499, 1950+n%76) {
			t.Fatalf("CRO %d: got %v", n, err)
		}
		if _, err := ParseASN(NewASN("62", 2018, n*7919)); err != nil {
			t.Fatalf("ASN %d: got %v", n, err)
		}
	}
}
