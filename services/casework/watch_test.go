package casework

import (
	"slices"
	"testing"
	"time"
)

func TestTokensOfOnePersonMeetWhateverOneMistakeIsMade(t *testing.T) {
	born := Date{1980, time.February, 11}
	who := Identity{Name: Name{"Siân Mair", "Jones-Parry"}, Aliases: []string{"Shan Roberts"}, DateOfBirth: born}
	known := WatchTokens("salt", who)
	shares := func(id Identity) bool {
		return slices.ContainsFunc(SeekTokens("salt", id), func(s string) bool { return slices.Contains(known, s) })
	}
	for name, id := range map[string]Identity{
		"capitals without diacritics": {Name: Name{"SIAN", "JONES PARRY"}, DateOfBirth: born},
		"a mistyped surname":          {Name: Name{"Sian", "Jnoes"}, DateOfBirth: born},
		"names the wrong way round":   {Name: Name{"Parry", "Sian"}, DateOfBirth: born},
		"day and month swapped":       {Name: Name{"Sian", "Jones"}, DateOfBirth: Date{1980, time.November, 2}},
		"another year of birth":       {Name: Name{"Sian", "Jones"}, DateOfBirth: Date{1990, time.February, 11}},
		"another day of birth":        {Name: Name{"Sian", "Jones"}, DateOfBirth: Date{1980, time.January, 1}},
		"no date of birth":            {Name: Name{"Sian", "Parry"}},
		"the alias":                   {Name: Name{"Shan", "Roberts"}},
	} {
		if !shares(id) {
			t.Errorf("%s: no token is shared", name)
		}
	}
	if shares(Identity{Name: Name{"Sian", "Morgan"}, DateOfBirth: Date{1981, time.May, 5}}) {
		t.Error("a stranger of the same forename shares a token")
	}
	if shares(Identity{Name: Name{"Sian", "Parry"}, DateOfBirth: Date{1951, time.May, 5}}) {
		t.Error("a namesake of another date of birth shares a token")
	}
	if slices.ContainsFunc(WatchTokens("other", who), func(s string) bool { return slices.Contains(known, s) }) {
		t.Error("tokens of two salts meet")
	}
	if n := len(WatchTokens("salt", Identity{})); n != 0 {
		t.Errorf("nobody has %d tokens", n)
	}
}
