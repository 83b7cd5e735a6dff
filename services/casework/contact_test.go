package casework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

func TestAContactSaysWhatTheCaseRecordNeedsAndNoAddress(t *testing.T) {
	i := casework.Incident{
		Force: "62", Reference: "B1", Revision: 2, Kind: casework.KindArrest, Type: "Violence", DomesticAbuse: true, DASH: casework.DASHHigh,
		OccurredFrom: time.Date(2026, 7, 1, 20, 0, 0, 0, time.UTC), ReportedAt: time.Date(2026, 7, 1, 21, 0, 0, 0, time.UTC),
		Location: casework.Location{Text: "7 Hiding Place, Splott", Postcode: "CF24 3ZZ"}, ReportedBy: "Neighbour Nosey",
		Factors: []string{"alcohol"}, ActionsTaken: []string{"Words of advice", "dvds-outcome: disclosed"},
		Summary: "Called by NEIGHBOUR NOSEY to 7 Hiding Place; she fled from hiding place to cf243zz.",
		Persons: []casework.Involvement{
			{Role: casework.RoleArrested, Surname: "Tester", Forenames: "Rhys", Address: "14 Own Street", Arrest: &casework.Arrest{Disposal: "bailed"}},
			{Role: casework.RoleVictim, Surname: "Victimson", Forenames: "Vera", Address: "7 Hiding Place", Postcode: "CF24 3ZZ"},
		},
	}
	p := casework.Person{CRN: "X123456", Registers: []string{"AVIS"}, Supervisor: casework.Supervisor{Practitioner: "N03S0304", Team: "N03ST03"}}
	c := casework.NewContact(i, 1, p, casework.Urgent)
	if c.Type != "C204" || c.CRN != "X123456" || c.Staff != "N03S0304" || c.Team != "N03ST03" || c.Reference != "62/B1" || !c.Alert || !c.Sensitive || !c.ViSORReport {
		t.Errorf("the contact's fields are wrong: type %s, alert %v, sensitive %v, ViSOR %v", c.Type, c.Alert, c.Sensitive, c.ViSORReport)
	}
	for _, said := range []string{"an arrest", "21:00", "domestic abuse, DASH high, alcohol", "arrested: the person on probation, bailed.", "victim: Vera Victimson.", "Police did: Words of advice."} {
		if !strings.Contains(c.Notes, said) {
			t.Errorf("the notes do not say %q", said)
		}
	}
	for _, canary := range []string{"hiding", "splott", "cf24", "nosey", "dvds", "own street"} {
		if strings.Contains(strings.ToLower(c.Notes), canary) {
			t.Errorf("the notes give away what they must not (%s)", canary)
		}
	}
	quiet := casework.NewContact(casework.Incident{Persons: i.Persons[:1]}, 1, casework.Person{}, casework.Standard)
	if quiet.Alert || quiet.Sensitive || quiet.ViSORReport {
		t.Errorf("got alert %v, sensitive %v, ViSOR %v of one that is none", quiet.Alert, quiet.Sensitive, quiet.ViSORReport)
	}
	before := c.Digest()
	if c.Staff = "other"; c.Digest() != before {
		t.Error("another practitioner makes it another contact")
	}
	if c.Sensitive = false; c.Digest() == before {
		t.Error("a contact that is sensitive no more passes for the same")
	}
}
