package casework

import (
	"log/slog"
	"time"
)

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
	// Circumstances are what else the extract says of the case, where it does.
	Circumstances Circumstances
	// Supervisor is who has the case now.
	Supervisor
	// Supervised means present in the latest extract.
	Supervised bool
}

// Circumstances come in columns that an extract may have or not.
type Circumstances struct {
	Custody           bool     `json:"custody,omitempty"`
	Recalled          bool     `json:"recalled,omitempty"`
	UnlawfullyAtLarge bool     `json:"unlawfullyAtLarge,omitempty"`
	Warrant           bool     `json:"warrant,omitempty"`
	Scheme            string   `json:"scheme,omitempty"` // reset or impact: contact is reduced
	Licence           []string `json:"licence,omitempty"`
	Zones             []string `json:"zones,omitempty"` // exclusion zones, as postcodes or districts
	CivilOrders       []string `json:"civilOrders,omitempty"`
	Bail              []string `json:"bail,omitempty"`
	// Victims are known victims of the person. They are masked wherever they are shown.
	Victims  []string `json:"victims,omitempty"`
	Children []string `json:"children,omitempty"`
}

// LogValue keeps victims and children out of logs.
func (c Circumstances) LogValue() slog.Value { return slog.StringValue("[circumstances]") }

// String keeps victims and children out of error texts and test output.
func (c Circumstances) String() string { return "[circumstances]" }

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

// RegisterPerson is what the matcher holds of somebody on the register.
type RegisterPerson struct {
	ID  PersonID
	CRN string
	Identity
	// EndedAt is when supervision ended; zero while it goes on.
	EndedAt time.Time
	// Gone says that nothing new may match: merged into another case, or ended
	// longer ago than the register looks back.
	Gone bool
}

// LogValue gives the person by number alone.
func (p RegisterPerson) LogValue() slog.Value { return slog.Int64Value(int64(p.ID)) }

// String keeps names out of error texts and test output.
func (p RegisterPerson) String() string { return "person " + p.CRN }
