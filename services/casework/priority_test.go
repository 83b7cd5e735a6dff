package casework

import "testing"

func TestThePriorityFollowsWhatPoliceAndTheCaseRecordSay(t *testing.T) {
	for _, c := range []struct {
		what string
		i    Incident
		p    Person
		want Priority
	}{
		{"nothing particular", Incident{Kind: KindIncident}, Person{RoSH: RoSHLow}, Standard},
		{"an arrest", Incident{Kind: KindArrest}, Person{}, High},
		{"domestic abuse", Incident{DomesticAbuse: true, DASH: DASHStandard}, Person{}, High},
		{"DASH high", Incident{DomesticAbuse: true, DASH: DASHHigh}, Person{}, Urgent},
		{"DASH high without the domestic-abuse flag", Incident{DASH: DASHHigh}, Person{}, Urgent},
		{"high risk of serious harm", Incident{}, Person{RoSH: RoSHHigh}, High},
		{"very high risk of serious harm", Incident{}, Person{RoSH: RoSHVeryHigh}, High},
		{"MAPPA level 1", Incident{}, Person{MAPPA: MAPPA{Category: 1, Level: 1}}, Standard},
		{"MAPPA level 2", Incident{}, Person{MAPPA: MAPPA{Category: 1, Level: 2}}, High},
		{"a weapon", Incident{Factors: []string{"alcohol", "weapon"}}, Person{}, High},
		{"a weapon and domestic abuse", Incident{DomesticAbuse: true, Factors: []string{"weapon"}}, Person{}, Urgent},
		{"a weapon and high risk", Incident{Factors: []string{"weapon"}}, Person{RoSH: RoSHHigh}, Urgent},
		{"a weapon and a weapons flag", Incident{Factors: []string{"weapon"}}, Person{Registers: []string{"WEAP"}}, Urgent},
		{"a weapon and risk to staff", Incident{Factors: []string{"weapon"}}, Person{Registers: []string{"AV2S2"}}, Urgent},
		{"a child there", Incident{ChildrenPresent: true}, Person{}, High},
		{"a child there and DASH medium", Incident{ChildrenPresent: true, DomesticAbuse: true, DASH: DASHMedium}, Person{}, Urgent},
		{"a child named and child protection", Incident{Persons: []Involvement{{Role: RoleChild}}}, Person{Registers: []string{"RCPR"}}, Urgent},
		{"somebody unlawfully at large", Incident{}, Person{Circumstances: Circumstances{UnlawfullyAtLarge: true}}, Urgent},
		{"child protection and no child in the incident", Incident{}, Person{Registers: []string{"RCPR"}}, Standard},
	} {
		if got := PriorityOf(&c.i, &c.p); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
	}
}

func TestUrgentIsAboveHighIsAboveStandard(t *testing.T) {
	if !Urgent.Above(High) || !High.Above(Standard) || Standard.Above(Standard) || Standard.Above(Urgent) {
		t.Error("priorities are out of order")
	}
}
