package access

import (
	"context"
	"fmt"
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
// operations, victim staff and a duty officer. It may be repeated.
func SeedPersonas(ctx context.Context, db *postgres.DB) ([]casework.Account, error) {
	places, err := db.Workplaces(ctx)
	if err != nil {
		return nil, err
	}
	personas := personasOf(places)
	if err := db.SaveAccounts(ctx, personas); err != nil {
		return nil, fmt.Errorf("seed the personas: %w", err)
	}
	return personas, nil
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
	add("duty", "Duty officer, out of hours", "", casework.Grant{Role: casework.DutyOfficer, Scope: region})
	add("auditor", "Auditor", "", casework.Grant{Role: casework.Auditor})
	add("operations", "Operations", "", casework.Grant{Role: casework.Operations})
	return all
}
