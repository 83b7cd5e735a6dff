package casework

import "testing"

func TestTheUnstaffedNightsAreFound(t *testing.T) {
	from, to := london(t, "2026-11-20 10:00"), london(t, "2026-11-24 12:00") // Friday to Tuesday
	shift := func(from, to string) Shift { return Shift{Starts: london(t, from), Ends: london(t, to)} }
	for _, c := range []struct {
		what   string
		shifts []Shift
		want   []Shift
	}{
		{"nobody", nil, []Shift{shift("2026-11-20 17:00", "2026-11-23 09:00"), shift("2026-11-23 17:00", "2026-11-24 09:00")}},
		{"everybody", []Shift{shift("2026-11-23 08:00", "2026-11-24 10:00"), shift("2026-11-20 16:00", "2026-11-23 08:30")}, nil},
		{"a gap on Sunday", []Shift{shift("2026-11-20 17:00", "2026-11-22 08:00"), shift("2026-11-22 20:00", "2026-11-25 00:00")},
			[]Shift{shift("2026-11-22 08:00", "2026-11-22 20:00")}},
		{"late", []Shift{shift("2026-11-20 18:00", "2026-11-25 00:00")}, []Shift{shift("2026-11-20 17:00", "2026-11-20 18:00")}},
		{"a shift by day alone", []Shift{shift("2026-11-20 09:00", "2026-11-20 17:00"), shift("2026-11-20 17:00", "2026-11-25 00:00")}, nil},
	} {
		got := EnglandAndWales().Unstaffed(from, to, c.shifts)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
			continue
		}
		for i := range got {
			if !got[i].Starts.Equal(c.want[i].Starts) || !got[i].Ends.Equal(c.want[i].Ends) {
				t.Errorf("%s: got %v, want %v", c.what, got[i], c.want[i])
			}
		}
	}
	if got := EnglandAndWales().Unstaffed(to, from, nil); len(got) != 0 {
		t.Errorf("no time at all has gaps: %v", got)
	}
}
