package desk

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// views are the template functions that turn what is into what is shown.
func views(w words) template.FuncMap {
	return template.FuncMap{
		"key": func(area string, code any) string { return area + "." + fmt.Sprint(code) },
		"tag": func(area string, code any) string {
			if c, ok := colours[area+"."+fmt.Sprint(code)]; ok {
				return c
			}
			return "grey"
		},
		"birth":     w.date,
		"bits":      func(b float64) string { return strings.Replace(fmt.Sprintf("%+.2f", b), "-", "−", 1) },
		"percent":   percent,
		"pack":      pack,
		"dateparts": func() []string { return dayParts },
		"timeparts": func() []string { return timeParts },
		"shiftends": func() []string { return []string{"starts", "ends"} },
		"dayends":   func() []string { return dayEnds },
		"weekday":   w.weekday,
		"stored":    storedDate,
		"took":      w.took,
		"seconds":   func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) },
		"share":     share,
		"percentof": percentOf,
		"rule":      w.rule,
		"fact":      w.fact,
		"factvalue": w.factValue,
		"flag":      w.flag,
		"compared":  w.compared,
		"period":    w.period,
		"whole":     whole,
		"details":   w.details,
		"did":       w.did,
		"about":     w.about,
	}
}

// pack gathers named values for a part of a page.
func pack(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

// colours of tags and badges. Each tag says in words what its colour says too.
var colours = map[string]string{
	"band.certain": "green", "band.probable": "turquoise", "band.possible": "yellow",
	"state.open": "blue", "state.unsure": "purple", "state.confirmed": "green", "state.dismissed": "grey",
	"state.retracted": "red", "state.superseded": "grey", "state.withdrawn": "grey",
	"action.open": "blue", "action.acknowledged": "turquoise", "action.done": "green", "action.closed": "grey",
	"priority.urgent": "red", "priority.high": "orange", "priority.standard": "grey",
	"enquiry.asked": "blue", "enquiry.taken": "turquoise", "enquiry.answered": "green", "enquiry.ended": "grey",
	"finding.pass": "green", "finding.partial": "yellow", "finding.fail": "red",
	"standing.standing.custody": "purple", "standing.standing.restricted": "purple", "standing.standing.recalled": "red",
	"standing.standing.atlarge": "red", "standing.standing.warrant": "red",
	"rosh.low": "green", "rosh.medium": "blue", "rosh.high": "red", "rosh.very_high": "red",
}

// weekday is the day of the week on the clock of the office.
func (w words) weekday(t time.Time) string {
	return w.say(fmt.Sprintf("weekday.%d", t.In(w.zone).Weekday()))
}

// date is a calendar day as it is known: 16 December 1975, December 1975 or 1975.
func (w words) date(d casework.Date) string {
	switch {
	case d.IsZero():
		return w.say("notstated")
	case d.Month == 0:
		return fmt.Sprint(d.Year)
	case d.Day == 0:
		return fmt.Sprintf("%s %d", w.say(fmt.Sprintf("month.%d", d.Month)), d.Year)
	}
	return fmt.Sprintf("%d %s %d", d.Day, w.say(fmt.Sprintf("month.%d", d.Month)), d.Year)
}

// compared is a value as the evidence shows it: a date as people write it, a
// code in words, and everything else as it was given.
func (w words) compared(field, value string) string {
	switch field {
	case "sex":
		return w.either("sex", value)
	case "birth", "date of birth":
		if d, err := casework.ParseDate(value); err == nil {
			return w.date(d)
		}
	}
	return value
}

// period is from when until when: the day once, if it is the same.
func (w words) period(from, to time.Time) string {
	switch {
	case to.IsZero() || to.Equal(from):
		return w.moment(from)
	case sameDay(from.In(w.zone), to.In(w.zone)):
		return w.say("time.sameday", "day", w.day(from), "from", w.clock(from), "to", w.clock(to))
	}
	return w.say("time.period", "from", w.moment(from), "to", w.moment(to))
}

// whole is a number with commas between its thousands, as both languages have it.
func whole(n any) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// percent never rounds a doubt away.
func percent(p float64) string {
	switch {
	case p > 0.9995:
		return "> 99.9%"
	case p > 0.99:
		return fmt.Sprintf("%.1f%%", math.Floor(p*1000)/10)
	case p < 0.01:
		return "< 1%"
	}
	return fmt.Sprintf("%.0f%%", math.Floor(p*100))
}

// incidentView is an incident with what must not be seen at once masked.
type incidentView struct {
	casework.Incident
	Erased      bool
	Parties     []party
	Opened      bool   // the addresses were opened, with a reason
	OpenHref    string // where to open them; empty where nobody may
	PlaceMasked bool
	Disclosed   bool // police sent what became of a disclosure, and it is masked
}

type party struct {
	casework.Involvement
	Matched bool
	Masked  bool
}

// protected are the roles whose addresses are masked: who called, who was hurt,
// and who saw it.
func protected(r casework.Role) bool {
	return r == casework.RoleVictim || r == casework.RoleWitness || r == casework.RoleChild || r == casework.RoleOther
}

func viewIncident(m postgres.MatchView, opened bool) incidentView {
	v := incidentView{Incident: m.Incident, Erased: m.Erased, Opened: opened, OpenHref: fmt.Sprintf("/matches/%d/addresses", m.ID)}
	for n, p := range m.Incident.Persons {
		matched := n+1 == m.Position
		hide := !opened && !matched && protected(p.Role) && (p.Address != "" || p.Postcode != "")
		v.Parties = append(v.Parties, party{Involvement: p, Matched: matched, Masked: hide})
		// Where it happened may be where the victim lives.
		if !opened && !matched && protected(p.Role) && samePlace(p, m.Incident.Location) {
			v.PlaceMasked = true
		}
	}
	if !opened {
		v.hideDisclosure()
	}
	return v
}

// hideDisclosure leaves out what became of a disclosure to somebody who may be
// at risk: whom it is about must not learn that it was made.
func (v *incidentView) hideDisclosure() {
	without := func(codes []string) []string {
		kept := slices.DeleteFunc(slices.Clone(codes), casework.OfDisclosure)
		v.Disclosed = v.Disclosed || len(kept) < len(codes)
		return kept
	}
	v.ActionsTaken, v.Factors = without(v.ActionsTaken), without(v.Factors)
}

func samePlace(p casework.Involvement, at casework.Location) bool {
	squash := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, " ", "")) }
	if p.Postcode != "" && squash(p.Postcode) == squash(at.Postcode) {
		return true
	}
	return p.Address != "" && at.Text != "" &&
		(strings.Contains(squash(at.Text), squash(p.Address)) || strings.Contains(squash(p.Address), squash(at.Text)))
}

// personView is a person on probation with where the case is held.
type personView struct {
	casework.Person
	Places   postgres.Places
	Standing []string // custody, recall … as keys
}

func viewPerson(p casework.Person, places postgres.Places) personView {
	v := personView{Person: p, Places: places}
	for _, s := range []struct {
		is  bool
		key string
	}{
		{p.Restricted, "standing.restricted"},
		{p.Circumstances.Custody, "standing.custody"},
		{p.Circumstances.Recalled, "standing.recalled"},
		{p.Circumstances.UnlawfullyAtLarge, "standing.atlarge"},
		{p.Circumstances.Warrant, "standing.warrant"},
		{p.Circumstances.Scheme == "reset", "standing.reset"},
		{p.Circumstances.Scheme == "impact", "standing.impact"},
	} {
		if s.is {
			v.Standing = append(v.Standing, s.key)
		}
	}
	return v
}

// evidenceView is the evidence as a table and as a waterfall.
type evidenceView struct {
	casework.Evidence
	Rows []evidenceRow
	Bars []bar
	Zero float64
}

type evidenceRow struct {
	casework.EvidenceStep
	Sign    string // for, against, neither or, where one side is silent, absent
	Derived bool   // from all of the comparison, and from no value
}

// bar is one step of the waterfall: where the sum stood, and where it went, in
// hundredths of the picture's width.
type bar struct {
	Field, Sign string
	Bits        float64
	X, W        float64
}

func viewEvidence(e casework.Evidence, police, record casework.Identity) evidenceView {
	v := evidenceView{Evidence: e}
	sums := []float64{0, e.Prior}
	silent := silences(e, police, record)
	for _, s := range e.Steps {
		derived := s.Field == "relatives" || s.Field == "rivals"
		if derived {
			v.Rows, silent = append(v.Rows, silent...), nil
		}
		v.Rows = append(v.Rows, evidenceRow{s, sign(s.Bits), derived})
		sums = append(sums, sums[len(sums)-1]+s.Bits)
	}
	v.Rows = append(v.Rows, silent...)
	if len(e.Steps) == 0 {
		return v
	}
	low, high := slices.Min(sums), slices.Max(sums)
	x := func(bits float64) float64 { return math.Round(10000*(bits-low)/max(high-low, 1)) / 100 }
	add := func(field string, from, to float64) {
		v.Bars = append(v.Bars, bar{Field: field, Sign: sign(to - from), Bits: to - from,
			X: x(min(from, to)), W: max(0.4, x(max(from, to))-x(min(from, to)))})
	}
	add("prior", 0, e.Prior)
	for n, s := range e.Steps {
		add(s.Field, sums[n+1], sums[n+2])
	}
	add("total", 0, sums[len(sums)-1])
	v.Zero = x(0)
	return v
}

// silences are the facts by which people are told apart, and of which one side
// says nothing: no evidence either way, which whoever judges has to know.
func silences(e casework.Evidence, police, record casework.Identity) (rows []evidenceRow) {
	if len(e.Steps) == 0 {
		return nil
	}
	for _, f := range []struct{ field, police, record string }{
		{"date of birth", police.DateOfBirth.String(), record.DateOfBirth.String()},
		{"address", written(police.Place), written(record.Place)},
		{"PNC", strings.Join(police.PNCs, ", "), strings.Join(record.PNCs, ", ")},
	} {
		compared := slices.ContainsFunc(e.Steps, func(s casework.EvidenceStep) bool { return s.Field == f.field })
		if !compared && (f.police == "") != (f.record == "") {
			rows = append(rows, evidenceRow{casework.EvidenceStep{Field: f.field, Incident: f.police, Register: f.record}, "absent", false})
		}
	}
	return rows
}

func written(p casework.Place) string { return strings.Trim(p.Address+", "+p.Postcode, ", ") }

// sign is which way a comparison points. Under a quarter of a bit it hardly points
// at all, and is not to look like a difference.
func sign(bits float64) string {
	switch {
	case bits >= 0.25:
		return "for"
	case bits <= -0.25:
		return "against"
	}
	return "neither"
}

// endOfDay is when today ends where probation works.
func (v *visit) endOfDay() time.Time {
	y, m, d := v.now.In(v.Calendar.Zone()).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, v.Calendar.Zone())
}

// storedDate reads a date that was checked when it was stored.
func storedDate(s string) casework.Date {
	d, err := casework.ParseDate(s)
	if err != nil {
		return casework.Date{}
	}
	return d
}
