package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// PersonaPrefix begins the subject of every persona. An identity provider's
// subject that begins so is refused, so that nobody signs in as one.
const PersonaPrefix = "persona:"

// SeedPersonas makes the demo's accounts out of the staff on the register: in
// each PDU an administrator, a head, a manager and two of the manager's
// practitioners, one of whom has restricted cases where there are any; and for
// the region an administrator cleared for restricted cases, an auditor,
// operations, victim staff and a duty officer. The other staff get an account
// too, which the page for signing in does not list. It may be repeated.
func SeedPersonas(ctx context.Context, db *postgres.DB) ([]casework.Account, error) {
	places, err := db.Workplaces(ctx)
	if err != nil {
		return nil, err
	}
	personas := personasOf(places)
	everybody := append(personas, staffOf(places, personas)...)
	if err := db.SaveAccounts(ctx, everybody); err != nil {
		return nil, fmt.Errorf("seed the personas: %w", err)
	}
	return everybody[:len(personas)], nil
}

// StaffPrefix begins the subject of a persona whom nobody has to choose from a
// list: everybody has an account, so that nothing waits for somebody who has none.
const StaffPrefix = PersonaPrefix + "staff:"

// staffOf are the rest of the staff, beside those who have a persona.
func staffOf(places []postgres.Workplace, personas []casework.Account) []casework.Account {
	there := map[string]bool{"": true}
	for _, a := range personas {
		there[a.Staff] = true
	}
	at := map[string]int{} // where somebody stands in what is returned
	var all []casework.Account
	add := func(part, code, name string, g casework.Grant) {
		n, known := at[code]
		switch {
		case there[code]:
		case !known:
			at[code] = len(all)
			all = append(all, casework.Account{Subject: StaffPrefix + part + ":" + strings.ToLower(code), Name: name, Staff: code, Demo: true, Grants: []casework.Grant{g}})
		case !slices.Contains(all[n].Grants, g):
			all[n].Grants = append(all[n].Grants, g)
		}
	}
	for _, p := range places {
		add("manager", p.Manager, p.ManagerName, casework.Grant{Role: casework.Manager, Scope: p.Team})
		add("practitioner", p.Staff, p.StaffName, casework.Grant{Role: casework.Practitioner, Scope: p.Staff})
	}
	return all
}

func personasOf(places []postgres.Workplace) []casework.Account {
	var all []casework.Account
	add := func(subject, name, staff string, grants ...casework.Grant) {
		all = append(all, casework.Account{Subject: PersonaPrefix + subject, Name: name, Staff: staff, Demo: true, Grants: grants})
	}
	var everywhere []casework.Grant
	seen := map[string]int{}         // practitioners of a PDU so far
	managerOf := map[string]string{} // PDU → the manager whose team the others come from
	region := ""
	for i, p := range places {
		if i == 0 || places[i-1].PDU != p.PDU {
			short := strings.ToLower(p.PDU)
			add("administrator:"+short, "Administrator, "+p.PDUName, "",
				casework.Grant{Role: casework.Administrator, Scope: p.PDU})
			add("head:"+short, "Head of PDU, "+p.PDUName, "",
				casework.Grant{Role: casework.HeadOfPDU, Scope: p.PDU})
			everywhere = append(everywhere, casework.Grant{Role: casework.Administrator, Scope: p.PDU, Restricted: true})
			managerOf[p.PDU] = p.Manager
			if p.Manager != "" {
				add("manager:"+strings.ToLower(p.Manager), p.ManagerName, p.Manager,
					casework.Grant{Role: casework.Manager, Scope: p.Team})
			}
			region = p.Region
		}
		if managerOf[p.PDU] == p.Manager && seen[p.PDU] < 2 {
			seen[p.PDU]++
			add("practitioner:"+strings.ToLower(p.Staff), p.StaffName, p.Staff,
				casework.Grant{Role: casework.Practitioner, Scope: p.Staff})
		}
	}
	if len(places) == 0 {
		return nil
	}
	add("cleared", "Administrator cleared for restricted cases, all PDUs", "", everywhere...)
	var victims []casework.Grant
	for _, g := range everywhere {
		victims = append(victims, casework.Grant{Role: casework.VictimStaff, Scope: g.Scope})
	}
	add("victim-staff", "Victim liaison, all PDUs", "", victims...)
	add("duty", "Duty officer, out of hours", "duty", casework.Grant{Role: casework.DutyOfficer, Scope: region})
	add("auditor", "Auditor", "", casework.Grant{Role: casework.Auditor})
	add("operations", "Operations", "", casework.Grant{Role: casework.Operations})
	return all
}
