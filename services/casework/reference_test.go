package casework

import "testing"

func TestTheReferenceTablesAreWhole(t *testing.T) {
	if got := len(Forces()); got < 43 {
		t.Errorf("got %d forces, want at least the 43 of England and Wales", got)
	}
	for _, p := range WelshPDUs() {
		if p.Code == "" || p.Name == "" || p.Region != "N03" {
			t.Errorf("PDU %q is not whole", p.Code)
		}
		if _, ok := ForceName(p.Force); !ok {
			t.Errorf("PDU %s: no force has the code %q", p.Code, p.Force)
		}
	}
	if got := len(WelshPDUs()); got != 6 {
		t.Errorf("got %d PDUs, want 6", got)
	}
	for _, r := range Registers() {
		if r.Code == "" || r.Meaning == "" {
			t.Errorf("register %q is not whole", r.Code)
		}
	}
}

func TestARegisterIsKeptUnderOneCodeWhicheverAliasIsUsed(t *testing.T) {
	for in, want := range map[string]string{"RVRH": "RVHR", "AV2S2": "AV2S", "ADVP": "ADVP", "XYZ9": "XYZ9"} {
		if got := RegisterCode(in); got != want {
			t.Errorf("RegisterCode(%q): got %q, want %q", in, got, want)
		}
	}
}
