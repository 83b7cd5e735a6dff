package linkage

import (
	"cmp"
	"encoding/xml"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
)

func TestTheEmbeddedModelReadsBackAsItself(t *testing.T) {
	m := Default()
	again, err := ReadModel(m.JSON())
	if err != nil || again.Hash() != m.Hash() {
		t.Fatalf("got %v, hash %s, want %s", err, again.Hash(), m.Hash())
	}
	for name, spoil := range map[string]string{`"m": 0.`: `"m": 7.`, `"level": "exact"`: `"level": "exactly"`, `"certain": 0.`: `"certain": 3.`} {
		if _, err := ReadModel([]byte(strings.Replace(string(m.JSON()), name, spoil, 1))); err == nil {
			t.Errorf("a model with %s is taken", spoil)
		}
	}
}

func TestWeightsAreLogarithms(t *testing.T) {
	for _, x := range []float64{1e-9, .001, .3, .5, 1, 2, 3, 7.5, 1000, 123456789} {
		if got, want := lg(x).bits(), math.Log2(x); got > want+1e-12 || got < want-1.0/unit {
			t.Errorf("lg(%v): got %v, want %v rounded down to 1/1024", x, got, want)
		}
	}
	for w := weight(-20 * unit); w < 20*unit; w += 777 {
		if got, want := w.odds(), math.Exp2(w.bits()); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("odds of %d: got %v, want %v", w, got, want)
		}
	}
	if got := weight(0).probability(); got != .5 {
		t.Errorf("got %v, want an even chance at 0 bits", got)
	}
}

func TestTheWaterfallIsDrawnWithEveryStep(t *testing.T) {
	e := Compare(Default(), casework.Identity{Name: casework.Name{Forenames: "Siân", Surname: "Rees"}, DateOfBirth: casework.Date{Year: 1980, Month: 2, Day: 3}},
		casework.Identity{Name: casework.Name{Forenames: "Sian", Surname: "Rhys"}, DateOfBirth: casework.Date{Year: 1980, Month: 3, Day: 2}})
	svg := string(WaterfallSVG(e))
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Fatalf("the drawing is no XML: %v", err)
	}
	for _, s := range e.Steps {
		if !strings.Contains(svg, s.Field+": "+s.Level) {
			t.Errorf("the drawing lacks %s: %s", s.Field, s.Level)
		}
	}
	if strings.Contains(svg, "Rees") || strings.Contains(svg, "1980") {
		t.Error("the drawing holds a value")
	}
}

func TestNamesAreLikenedAsPeopleUseThem(t *testing.T) {
	for _, c := range []struct {
		a, b    string
		surname bool
		want    likeness
	}{
		{"dafydd", "david", false, variant},
		{"dai", "david", false, variant},
		{"rhys", "reece", false, variant},
		{"gz", "gareth", false, loose},
		{"d", "david", false, initial},
		{"llewelyn", "llewellyn", true, variant},
		{"hughes", "hewes", true, variant},
		{"robwrts", "roberts", true, oneEdit},
		{"wliliams", "williams", true, oneEdit},
		{"muhammed", "mohammad", false, variant},
		{"jones", "davies", true, unlike},
		{"gwilym", "liam", false, unlike},
	} {
		a, b := tokenOf(c.a), tokenOf(c.b)
		if got := liken(&a, &b, c.surname); got != c.want {
			t.Errorf("%s and %s: got likeness %d, want %d", c.a, c.b, got, c.want)
		}
		if got := liken(&b, &a, c.surname); got != c.want {
			t.Errorf("%s and %s: got likeness %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

func TestNamesAreFoldedAndParted(t *testing.T) {
	for in, want := range map[string]string{
		"Łukasz Wójcik": "lukasz wojcik", "O'Brien": "obrien", "Mac Donald": "macdonald", "Smith-Jones": "smith jones",
		"ap Rhys": "rhys", "SIÂN": "sian", "Ștefan": "stefan", "d’Arcy": "darcy",
	} {
		if got := strings.Join(family(in), " "); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := words(nil, "Van Wayne"); len(got) != 2 {
		t.Errorf("a forename was taken for a particle: %v", got)
	}
}

func TestBirthdaysAreCompared(t *testing.T) {
	day := func(y, m, d int) uint32 { return uint32(y)<<9 | uint32(m)<<5 | uint32(d) }
	for _, c := range []struct {
		b    uint32
		want int
	}{
		{day(1980, 4, 12), birthSame},
		{day(1980, 12, 4), birthSwapped},
		{day(1980, 4, 13), birthOneDigit},
		{day(1980, 4, 21), birthOneDigit},
		{day(1990, 4, 12), birthOneDigit},
		{day(1979, 4, 12), birthNear},
		{day(1980, 4, 29), birthTwoParts},
		{day(1980, 1, 1), birthYearOnly},
		{day(1980, 0, 0), birthYearOnly},
		{day(1950, 4, 12), birthDayMonth},
		{day(1953, 9, 30), birthUnlike},
	} {
		if got := birthLevel(day(1980, 4, 12), c.b); got != c.want {
			t.Errorf("%d-%d-%d: got %s, want %s", c.b>>9, c.b>>5&15, c.b&31, levelNames[birthField][got], levelNames[birthField][c.want])
		}
		if got := birthLevel(c.b, day(1980, 4, 12)); got != c.want {
			t.Errorf("the other way round %d-%d-%d: got %s", c.b>>9, c.b>>5&15, c.b&31, levelNames[birthField][got])
		}
	}
}

func TestComparingAllocatesNothing(t *testing.T) {
	r := New(Default())
	someone := casework.Identity{Name: casework.Name{Forenames: "Dafydd Rhys", Surname: "Llewellyn"}, DateOfBirth: casework.Date{Year: 1980, Month: 2, Day: 3},
		Sex: casework.Male, PNCs: []string{"2002/73319Z"}, Place: casework.Place{Address: "12 Heol Fawr", Postcode: "CF10 3AT"}}
	for id := range casework.PersonID(50) {
		r.Put(id+1, someone)
	}
	query := someone
	query.Surname, query.Forenames, query.Postcode = "Llywelin", "David", "CF10 3AU"
	s := &search{}
	r.prepare(&s.query, Subject{Identity: query})
	r.bound(s)
	r.plan(s, floorWeight)
	if n := testing.AllocsPerRun(100, func() {
		for slot := range r.people {
			r.compare(&s.query, &r.people[slot], floorWeight*16, &s.out)
			r.relatives(&s.query, &s.out)
			r.mark(s, uint32(slot), 1<<20)
		}
		r.glanceAll(s, 1<<20)
	}); n != 0 {
		t.Errorf("got %v allocations for 50 comparisons, want none", n)
	}
}

func TestWhatAnswersProveIsBounded(t *testing.T) {
	for _, c := range []struct {
		wrong, of int
		want      float64
	}{{0, 2995, .001}, {0, 1000, .002991}, {1, 1000, .004735}, {47, 80313, .000746}, {5, 5, 1}} {
		if got := ErrorAtMost(c.wrong, c.of); math.Abs(got-c.want) > c.want/500 {
			t.Errorf("%d wrong of %d: got at most %v, want %v", c.wrong, c.of, got, c.want)
		}
	}
}

func TestProbabilitiesThatUnderstateAreTempered(t *testing.T) {
	var all []top
	for i := range 2000 { // of a hundred that say .8 only one in a hundred is wrong
		all = append(all, top{p: .8, right: i%100 > 0}, top{p: .2, right: i%100 == 0})
	}
	slope, shift := temper(all, 0)
	if slope < 1.8 || math.Abs(shift) > .01 {
		t.Errorf("got slope %v and shift %v, want the slope at its bound and no shift", slope, shift)
	}
	if slope, shift = temper(nil, 0); slope != 1 || shift != 0 {
		t.Errorf("nothing seen gives slope %v and shift %v", slope, shift)
	}
	// Of those that are all but sure, three in a hundred verdicts are mistaken: that is no reason to doubt them.
	var sure []top
	for i := range 2000 {
		sure = append(sure, top{p: .99999, right: i%100 >= 3}, top{p: .7, right: i%10 < 7})
	}
	trusting, _ := temper(sure, 0)
	doubting, _ := temper(sure, .03)
	if trusting > .7 || doubting < .85 {
		t.Errorf("got slope %v when verdicts are trusted and %v when they are not, want less and about as it was", trusting, doubting)
	}
	slices.SortStableFunc(sure, func(a, b top) int { return cmp.Compare(b.p, a.p) })
	if certain, _ := bandsOf(sure, .03); certain != leastCertain {
		t.Errorf("mistaken verdicts move certain to %v", certain)
	}
	m := Default().clone()
	if m.temper(1.25, .3, 16000); m.Scale != 1.25 || math.Abs(math.Log(m.Expected/16000)-1.25*math.Log(Default().Expected/16000)-.3) > 1e-5 {
		t.Errorf("got scale %v and expected %v", m.Scale, m.Expected)
	}
}
