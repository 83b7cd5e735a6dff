package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Report is one incident as a force reports it over time, with the truth.
type Report struct {
	// Revisions come in the order in which the force sends them.
	Revisions []casework.Incident
	// Truth has, for each revision, the CRN of each person, empty for whoever
	// is not on the caseload.
	Truth [][]string
	// Again says that the force sends the last revision twice.
	Again bool
}

// Forces are those that report: the four of Wales.
var Forces = []string{"60", "61", "62", "63"}

var forceShares = weighted("60 22 61 19 62 48 63 11")

var types = weighted(`violence 33 anti-social 21 damage 11 theft 8 order 8 shoplifting 7 burglary 4 vehicle 4 drugs 2 weapon 1 other 1`)

var typeNames = map[string]string{
	"violence": "Violence and sexual offences", "anti-social": "Anti-social behaviour", "damage": "Criminal damage and arson",
	"theft": "Other theft", "order": "Public order", "shoplifting": "Shoplifting", "burglary": "Burglary",
	"vehicle": "Vehicle crime", "drugs": "Drugs", "weapon": "Possession of weapons", "other": "Other crime",
}

var (
	deeds     = []string{"Statement taken", "Area search, suspect not located", "Safeguarding referral submitted", "Words of advice given", "Body worn video retained", "Voluntary interview arranged"}
	disposals = []string{"Charged", "Bailed", "Released under investigation", "No further action"}
)

// Incident is the incident of a number, reported at the time or up to some
// hours before. About one in eight of the persons in them is on the caseload.
func (w World) Incident(number int, at time.Time) Report {
	r := w.random(forIncident, number)
	force := forceShares.pick(r)
	in := one(r, areasOf(force))
	reported := at.Add(-time.Duration(r.IntN(90)) * time.Second).Truncate(time.Second)
	from := reported.Add(-time.Duration(5+r.IntN(300)) * time.Minute)
	kind := types.pick(r)
	i := casework.Incident{
		Force:        force,
		Reference:    reference(force, number, at),
		Revision:     1,
		Status:       casework.Live,
		Kind:         casework.KindIncident,
		Type:         typeNames[kind],
		ReportedAt:   reported,
		OccurredFrom: from,
		OccurredTo:   from.Add(time.Duration(r.IntN(int(reported.Sub(from)/time.Second)+1)) * time.Second),
		Factors:      factors(r),
		ActionsTaken: []string{one(r, deeds)},
		Summary:      summary(r),
		Location:     casework.Location{Text: "On or near " + street(r), LSOA: lsoa(r, in)},
	}
	if r.IntN(3) > 0 {
		i.Location.Postcode = postcode(r, one(r, areas[in].districts))
	}
	if kind == "violence" && r.IntN(100) < 55 {
		i.DomesticAbuse = true
		i.DASH = one(r, []casework.DASH{casework.DASHStandard, casework.DASHStandard, casework.DASHMedium, casework.DASHHigh})
		i.ChildrenPresent = r.IntN(3) == 0
	}
	var truth []string
	add := func(role casework.Role, share int) {
		v, crn := w.involve(r, in, role, share)
		i.Persons, truth = append(i.Persons, v), append(truth, crn)
	}
	if r.IntN(100) < 20 {
		i.Kind = casework.KindArrest
		i.ActionsTaken = []string{"Arrested"}
		add(casework.RoleArrested, 18)
		i.Persons[0].Arrest = &casework.Arrest{
			ASN: casework.NewASN(force, at.Year(), number%1e11), ArrestedAt: reported,
			Offence: i.Type, Disposal: one(r, disposals),
		}
	} else {
		add(casework.RoleSuspect, 18)
	}
	for _, also := range []struct {
		role casework.Role
		odds int // in a hundred
	}{{casework.RoleVictim, 70}, {casework.RoleWitness, 16}, {casework.RoleSuspect, 10}} {
		if r.IntN(100) < also.odds {
			share := 3
			if also.role == casework.RoleSuspect {
				share = 18
			}
			add(also.role, share)
		}
	}
	if i.ChildrenPresent {
		i.Persons, truth = append(i.Persons, child(r, i.Persons[0], casework.DateOf(at))), append(truth, "")
	}
	report := Report{Revisions: []casework.Incident{i}, Truth: [][]string{truth}, Again: r.IntN(100) < 3}
	w.revise(r, in, &report)
	return report
}

// involve takes down somebody: with the odds in a hundred a person on the
// caseload, mostly of the area, else somebody who is not.
func (w World) involve(r *rand.Rand, in int, role casework.Role, odds int) (casework.Involvement, string) {
	if w.People == 0 || r.IntN(100) >= odds {
		return asTaken(r, w.stranger(r, in), role, in), ""
	}
	p := w.Person(r.IntN(w.People))
	// Most are dealt with where they live: a few tries find one who does.
	for range 8 {
		if p.PDU == areas[in].Code || r.IntN(20) == 0 {
			break
		}
		p = w.Person(r.IntN(w.People))
	}
	return asTaken(r, p.Identity, role, in), p.CRN
}

// revise lets a force send some incidents again with new facts, and withdraw a few.
func (w World) revise(r *rand.Rand, in int, report *Report) {
	first := report.Revisions[0]
	switch n := r.IntN(100); {
	case n < 6:
		second := first
		second.Revision = 2
		second.Persons = append([]casework.Involvement(nil), first.Persons...)
		truth := append([]string(nil), report.Truth[0]...)
		if r.IntN(2) == 0 {
			v, crn := w.involve(r, in, casework.RoleWitness, 5)
			second.Persons, truth = append(second.Persons, v), append(truth, crn)
		} else {
			second.Summary += " Updated after enquiries."
			second.Persons[0].Postcode = postcode(r, one(r, areas[in].districts))
		}
		report.Revisions, report.Truth = append(report.Revisions, second), append(report.Truth, truth)
	case n < 7:
		second := first
		second.Revision, second.Status = 2, casework.Withdrawn
		report.Revisions, report.Truth = append(report.Revisions, second), append(report.Truth, report.Truth[0])
	}
}

// reference is how each force numbers its incidents.
func reference(force string, number int, at time.Time) string {
	switch force {
	case "60":
		return fmt.Sprintf("B%07d", number)
	case "61":
		return fmt.Sprintf("%06d/%02d", number, at.Year()%100)
	case "62":
		return fmt.Sprintf("%02d%09d", at.Year()%100, number)
	}
	return fmt.Sprintf("DP-%02d-%07d", at.Year()%100, number)
}
