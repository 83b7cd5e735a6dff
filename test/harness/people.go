package harness

import (
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Person is somebody in a story: on probation, in an incident, or both.
type Person struct {
	CRN string
	casework.Identity
	PDU          string // default N03SW1
	Team         string // default N03ST01
	Practitioner string // default N03S0101
	Manager      string // default N03S01S
	RoSH         string // default medium
	Restricted   bool
}

// Somebody gives a person with everything by which to be found.
func Somebody(crn, forenames, surname, born string) Person {
	d, err := casework.ParseDate(born)
	if err != nil {
		panic("harness: " + err.Error())
	}
	return Person{CRN: crn, Identity: casework.Identity{
		Name:        casework.Name{Forenames: forenames, Surname: surname},
		DateOfBirth: d,
		Sex:         casework.Male,
		Place:       casework.Place{Address: "14 Heol Fawr", Postcode: "CF11 7UU"},
	}}
}

// Wales gives people under supervision, each told apart by name and birth.
func Wales(n int) (people []Person) {
	forenames := []string{"Aled", "Bethan", "Ceri", "Dilwyn", "Eluned", "Ffion", "Gwilym", "Heledd", "Idris", "Lowri", "Macsen", "Nerys"}
	surnames := []string{"Abernethy", "Bevan", "Cadwaladr", "Dafis", "Eynon", "Ferrier", "Glyndwr", "Hopcyn", "Ingram", "Kendrick", "Llwyd"}
	for i := range n {
		born := time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*37%14610)
		p := Somebody(fmt.Sprintf("X2%05d", i), forenames[i%len(forenames)], surnames[i%len(surnames)], born.Format(time.DateOnly))
		p.Address, p.Postcode = fmt.Sprintf("%d Stryd y Bont", i+1), fmt.Sprintf("CF%d %dAB", 10+i%30, i%9+1)
		people = append(people, p)
	}
	return people
}

func (p Person) withDefaults() Person {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&p.PDU, "N03SW1"}, {&p.Team, "N03ST01"}, {&p.Practitioner, "N03S0101"}, {&p.Manager, "N03S01S"}, {&p.RoSH, "medium"},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	return p
}

// As is the person as police give them in a role.
func (p Person) As(role casework.Role) casework.Involvement {
	v := casework.Involvement{Role: role, Surname: p.Surname, Forenames: p.Forenames, AlsoKnownAs: p.Aliases,
		DateOfBirth: p.DateOfBirth, Sex: p.Sex, Address: p.Address, Postcode: p.Postcode}
	if len(p.PNCs) > 0 {
		v.PNC = p.PNCs[0]
	}
	if len(p.CROs) > 0 {
		v.CRO = p.CROs[0]
	}
	return v
}

// Suspect, Victim and Arrested are the roles that stories use most.
func Suspect(p Person) casework.Involvement  { return p.As(casework.RoleSuspect) }
func Victim(p Person) casework.Involvement   { return p.As(casework.RoleVictim) }
func Arrested(p Person) casework.Involvement { return p.As(casework.RoleArrested) }

// Incident is a first revision, to be changed by the story before it is sent.
func Incident(reference string, persons ...casework.Involvement) casework.Incident {
	return casework.Incident{Reference: reference, Revision: 1, Status: casework.Live, Kind: casework.KindIncident,
		Type: "Public order", Summary: "Parties separated on arrival.", Persons: persons}
}

// Revised is the next revision of an incident.
func Revised(in casework.Incident, persons ...casework.Involvement) casework.Incident {
	in.Revision++
	in.Persons = persons
	return in
}
