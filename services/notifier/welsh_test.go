package notifier

import "testing"

func TestMailsSayTheSameThingsInBothLanguages(t *testing.T) {
	for kind := range kinds {
		if kindsInWelsh[kind] == "" {
			t.Errorf("%s is not said in Welsh", kind)
		}
	}
	if len(kinds) != len(kindsInWelsh) {
		t.Errorf("got %d kinds in Welsh, want %d", len(kindsInWelsh), len(kinds))
	}
}
