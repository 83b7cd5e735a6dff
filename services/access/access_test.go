package access

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

const configured = `{
	"roles": "authorities", "staff": "staff_code",
	"grants": [
		{"value": "ROLE_REPORTABLE__MATCHES__RW", "role": "administrator", "scope": "pdus"},
		{"value": "ROLE_REPORTABLE__CASES__RW", "role": "practitioner"},
		{"value": "ROLE_REPORTABLE__TRAIL__RO", "role": "auditor"}
	]}`

func TestClaimsGrantWhatIsConfiguredAndNothingElse(t *testing.T) {
	c, err := ReadClaims(strings.NewReader(configured))
	if err != nil {
		t.Fatal(err)
	}
	for name, it := range map[string]struct {
		claims map[string]any
		want   []casework.Grant
	}{
		"an administrator of two PDUs": {
			map[string]any{"authorities": []any{"ROLE_REPORTABLE__MATCHES__RW", "ROLE_OTHER"}, "pdus": []any{"N03SW1", "WPTGWT"}},
			[]casework.Grant{{Role: casework.Administrator, Scope: "N03SW1"}, {Role: casework.Administrator, Scope: "WPTGWT"}},
		},
		"a practitioner": {
			map[string]any{"authorities": "ROLE_REPORTABLE__CASES__RW", "staff_code": "N03S0304"},
			[]casework.Grant{{Role: casework.Practitioner, Scope: "N03S0304"}},
		},
		"an auditor":                        {map[string]any{"authorities": []any{"ROLE_REPORTABLE__TRAIL__RO"}}, []casework.Grant{{Role: casework.Auditor}}},
		"an administrator of nowhere":       {map[string]any{"authorities": []any{"ROLE_REPORTABLE__MATCHES__RW"}}, nil},
		"an administrator of an empty name": {map[string]any{"authorities": []any{"ROLE_REPORTABLE__MATCHES__RW"}, "pdus": ""}, nil},
		"somebody without claims":           {nil, nil},
		"claims of the wrong type":          {map[string]any{"authorities": 7, "pdus": true}, nil},
	} {
		a, err := c.Account("subject", "Name", it.claims)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(it.want, a.Grants); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNobodySignsInFromOutsideAsAPersonaOrAsTheProgram(t *testing.T) {
	var c Claims
	for _, subject := range []string{"", "persona:auditor", "force:62", "command line", "transfer", "u\n42", strings.Repeat("u", 256)} {
		if _, err := c.Account(subject, "", nil); err == nil {
			t.Errorf("subject %q was taken", subject)
		}
	}
}

func TestAConfigurationThatWouldGrantEverywhereIsRefused(t *testing.T) {
	for _, wrong := range []string{
		`{"grants": [{"value": "x", "role": "administrator"}]}`,
		`{"grants": [{"value": "x", "role": "king", "scope": "y"}]}`,
		`{"grants": [{"role": "auditor"}]}`,
		`{"grants": [{"value": "x", "role": "practitioner"}]}`,
		`{"unknown": 1}`,
		`[`,
	} {
		if _, err := ReadClaims(strings.NewReader(wrong)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

func TestARuleWithoutRolesLetsNobodyIn(t *testing.T) {
	everything := casework.Account{Grants: []casework.Grant{{Role: casework.Administrator}, {Role: casework.Auditor}, {Role: casework.HeadOfPDU}}}
	var none Rule
	if none.Allows(&everything) || none.Allows(nil) {
		t.Error("a rule that names nobody let somebody in")
	}
	if AnyAccount.Allows(nil) || !AnyAccount.Allows(&everything) || !Public.Allows(nil) {
		t.Error("signed in and public are mixed up")
	}
}

func TestEveryPDUHasItsPersonas(t *testing.T) {
	personas := personasOf([]postgres.Workplace{
		{PDU: "A", PDUName: "Aberaeron", Team: "A1", Manager: "AM", ManagerName: "Mair", Staff: "A01", StaffName: "Ann", Region: "N03"},
		{PDU: "A", PDUName: "Aberaeron", Team: "A1", Manager: "AM", ManagerName: "Mair", Staff: "A02", StaffName: "Abe", Region: "N03"},
		{PDU: "A", PDUName: "Aberaeron", Team: "A1", Manager: "AM", ManagerName: "Mair", Staff: "A03", StaffName: "Ada", Region: "N03"},
		{PDU: "B", PDUName: "Bala", Team: "B1", Manager: "BM", ManagerName: "Bob", Staff: "B01", StaffName: "Bea", Region: "N03"},
	})
	got := map[casework.OwnerRole]int{}
	for _, p := range personas {
		if !p.Demo || !strings.HasPrefix(p.Subject, PersonaPrefix) {
			t.Errorf("%s is no persona of the demo", p.Subject)
		}
		got[p.Grants[0].Role]++
	}
	want := map[casework.OwnerRole]int{casework.Administrator: 3, casework.HeadOfPDU: 2, casework.Manager: 2, casework.Practitioner: 3,
		casework.VictimStaff: 1, casework.DutyOfficer: 1, casework.Auditor: 1, casework.Operations: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
