package csvfile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// reading is a row with what could be read of it.
type reading struct {
	row
	incident               casework.Incident // with the row's one person
	toAgain, reportedAgain time.Time
	problems               []casework.Problem
	spoiled                []int // columns that problems name
	version                int   // 0 when it cannot be read
}

// flush turns the rows of one reference into records.
func (r *Reader) flush() {
	group := r.group
	r.group, r.ref = nil, ""
	if len(group) == 0 {
		return
	}
	all := make([]reading, len(group))
	for n, g := range group {
		all[n] = r.read(g)
	}
	for _, block := range blocks(all) {
		for _, again := range resends(block) {
			r.ready = append(r.ready, r.record(again))
		}
	}
}

// blocks parts the rows of a reference by version. Rows without a readable
// version are of the block before or after them; when that is two blocks, of
// either, and the two are one block that will be rejected.
func blocks(all []reading) [][]reading {
	var runs [][]reading
	for n, g := range all {
		if n > 0 && g.version == all[n-1].version {
			runs[len(runs)-1] = append(runs[len(runs)-1], g)
		} else {
			runs = append(runs, []reading{g})
		}
	}
	var out [][]reading
	open := false // the last block ends in rows without a version
	for _, run := range runs {
		unread := run[0].version == 0
		if len(out) > 0 && (unread || open) {
			out[len(out)-1] = append(out[len(out)-1], run...)
		} else {
			out = append(out, run)
		}
		open = unread
	}
	return out
}

// resends parts a block that repeats itself row for row into the times it was
// sent. Spoiled cells are passed over in comparing: a spoiled copy beside a
// good one is rejected by itself. Where rows repeat without the block repeating
// (a copy has lost a row), each different row is taken once: it is the same
// people, not more.
func resends(block []reading) [][]reading {
	n := len(block)
	for period := 1; period <= n/2; period++ {
		if n%period != 0 {
			continue
		}
		same := true
		for k := period; k < n && same; k++ {
			same = alike(block[k], block[k%period])
		}
		if same {
			return slices.Collect(slices.Chunk(block, period))
		}
	}
	var once []reading
	for _, g := range block {
		if !slices.ContainsFunc(once, func(o reading) bool { return slices.Equal(o.cells, g.cells) }) {
			once = append(once, g)
		}
	}
	return [][]reading{once}
}

// alike compares two rows in every column that is good in both.
func alike(a, b reading) bool {
	if a.code != "" || b.code != "" || len(a.cells) != len(b.cells) {
		return false
	}
	for n := range a.cells {
		if a.cells[n] != b.cells[n] && !slices.Contains(a.spoiled, n) && !slices.Contains(b.spoiled, n) {
			return false
		}
	}
	return true
}

// record puts the rows of one incident together.
func (r *Reader) record(block []reading) casework.Record {
	first := block[0]
	rec := casework.Record{Number: first.line, Incident: first.incident}
	i := &rec.Incident
	i.Persons = nil
	for n, g := range block {
		rec.Problems = append(rec.Problems, g.problems...)
		i.Persons = append(i.Persons, g.incident.Persons...)
		if n == 0 {
			continue
		}
		if field := disagree(first, g); field != "" && len(g.problems) == 0 && len(first.problems) == 0 {
			p := check.Problem(check.Unequal, "")
			p.Row, p.Column = g.line, r.m.Fields[field].place()
			rec.Problems = append(rec.Problems, p)
		}
		// What is true in one row of an incident is true of it.
		i.DomesticAbuse = i.DomesticAbuse || g.incident.DomesticAbuse
		i.ChildrenPresent = i.ChildrenPresent || g.incident.ChildrenPresent
		i.Factors = union(i.Factors, g.incident.Factors)
		i.ActionsTaken = union(i.ActionsTaken, g.incident.ActionsTaken)
		if i.DASH == "" {
			i.DASH = g.incident.DASH
		}
		if i.Summary == "" {
			i.Summary = g.incident.Summary
		}
	}
	if _, given := r.m.Fields["kind"]; !given {
		i.Kind = casework.KindIncident
		for _, p := range i.Persons {
			if p.Role == casework.RoleArrested || p.Arrest != nil {
				i.Kind = casework.KindArrest
			}
		}
	}
	if len(rec.Problems) == 0 {
		found := check.Findings{Place: r.place(first.line)}
		inOrder(i, first.toAgain, first.reportedAgain)
		r.rules.Check(i, &found)
		rec.Problems = found.Problems
	}
	if len(rec.Problems) > 0 {
		if len(rec.Problems) > 20 {
			rec.Problems = rec.Problems[:20]
		}
		rec.Number = rec.Problems[0].Row
	}
	return rec
}

// disagree names a field in which two rows contradict one another.
func disagree(a, b reading) string {
	switch x, y := a.incident, b.incident; {
	case a.version != b.version:
		return "revision"
	case x.Status != y.Status:
		return "status"
	case !x.ReportedAt.Equal(y.ReportedAt):
		return "reportedAt"
	case !x.OccurredFrom.Equal(y.OccurredFrom):
		return "occurredFrom"
	case !x.OccurredTo.Equal(y.OccurredTo):
		return "occurredTo"
	}
	return ""
}

func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(slices.Clip(a), s)
		}
	}
	return a
}

// place turns a pointer into the row and the column that it came from.
func (r *Reader) place(line int) func(string, *casework.Problem) {
	return func(pointer string, p *casework.Problem) {
		p.Row, p.Column = line, r.m.Fields[r.field(pointer)].place()
	}
}

// field is the mapping's name of what a pointer points to.
func (r *Reader) field(pointer string) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	if len(parts) > 2 && parts[0] == "persons" {
		parts = parts[2:]
	}
	name := parts[0]
	if _, ok := r.m.Fields[name]; !ok && len(parts) > 1 {
		name += "." + parts[1]
	}
	if _, ok := r.m.Fields[name]; !ok && parts[0] == "factors" {
		name = "flags"
	}
	return name
}

// read reads one row by itself: the incident as it gives it, with its person.
func (r *Reader) read(in row) reading {
	g := reading{row: in}
	found := check.Findings{Place: r.place(in.line)}
	c := cells{r: r, row: in, found: &found}
	i := &g.incident
	i.Force = r.rules.Force
	if _, ok := r.m.Fields["force"]; ok {
		i.Force = c.text("force", "/force")
	}
	i.Reference = c.text("reference", "/reference")
	if in.code != "" {
		found.Add("", in.code, strconv.Itoa(maxRow>>10)+" KiB")
		g.problems = found.Problems
		return g
	}
	version := c.text("revision", "/revision")
	g.version, _ = strconv.Atoi(version)
	if g.version < 1 {
		g.version = 0
		found.Add("/revision", check.BadVersion, "")
	}
	i.Revision = g.version
	c.incident(i)
	g.toAgain, g.reportedAgain = c.again["occurredTo"], c.again["reportedAt"]
	i.Persons = []casework.Involvement{c.person()}
	i.Kind = casework.Kind(c.code("kind", "/kind"))
	judged := *i
	if i.Kind == "" {
		judged.Kind = casework.KindIncident // settled when all rows are known
	}
	inOrder(&judged, g.toAgain, g.reportedAgain)
	r.rules.Check(&judged, &found)
	g.problems = found.Problems
	for _, p := range g.problems {
		for n, name := range r.heading {
			if strings.TrimSpace(name) == p.Column {
				g.spoiled = append(g.spoiled, n)
			}
		}
	}
	return g
}
