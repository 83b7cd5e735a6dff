package casework

import "log/slog"

// PersonID is the register's number for one person on probation. It outlives
// changes of CRN.
type PersonID int64

// RoSH is the risk of serious harm.
type RoSH string

const (
	RoSHLow      RoSH = "low"
	RoSHMedium   RoSH = "medium"
	RoSHHigh     RoSH = "high"
	RoSHVeryHigh RoSH = "very_high"
)

// Person is a person on probation as the case record gives them.
type Person struct {
	ID  PersonID
	CRN string
	Identity
	OrderType        string
	SentenceDate     Date
	SupervisionStart Date
	SupervisionEnd   Date
	RoSH             RoSH
	MAPPA            MAPPA
	// Registers are the case record's flags, such as ADVP.
	Registers []string
	// Restricted marks a limited access case (LAO).
	Restricted bool
	// VictimContact says which victim staff the case has: vlo, daso or neither.
	VictimContact string
	// Supervisor is who has the case now.
	Supervisor
	// Supervised means present in the latest extract.
	Supervised bool
}

// MAPPA category 1-4 and level 1-3; zero means not managed under MAPPA.
type MAPPA struct{ Category, Level int }

// Supervisor places a case with a practitioner, a team with its manager, and a PDU.
type Supervisor struct {
	PDU          string // code, such as N03SW1
	Team         string // code
	Practitioner string // staff code; empty when the case is unallocated
	Manager      string // staff code of the team's SPO
}

// LogValue gives the person by number alone.
func (p Person) LogValue() slog.Value { return slog.Int64Value(int64(p.ID)) }

// String keeps names out of error texts and test output.
func (p Person) String() string { return "person " + p.CRN }

// HasRegister reports whether the case carries the flag.
func (p Person) HasRegister(code string) bool {
	for _, r := range p.Registers {
		if r == code {
			return true
		}
	}
	return false
}
