package casework

import (
	"log/slog"
	"time"
)

// AccountID is the register's number for somebody who signs in.
type AccountID int64

// Two parts are played by people who own no actions. Every other part is an
// owner's.
const (
	Auditor    OwnerRole = "auditor"    // reads the trail
	Operations OwnerRole = "operations" // sees numbers, never a name
)

// Account is somebody who signs in, with what they were granted.
type Account struct {
	ID AccountID
	// Subject is the identity provider's name for them, or persona:… in the demo.
	Subject string
	Name    string
	Staff   string // staff code, where there is one
	Demo    bool
	Grants  []Grant
	// GrantedAt is when what says so was issued: a token, whose older sisters
	// may be valid still. Zero where nobody knows; saving takes that as now.
	GrantedAt time.Time
}

// Grant is one part that somebody plays, and where.
type Grant struct {
	Role OwnerRole
	// Scope is a PDU for administrators, heads and victim staff, a team for
	// managers, a staff code for practitioners, a region for duty officers, and
	// empty for auditors and operations.
	Scope string
	// Restricted lets an administrator see restricted cases that have no list
	// of users of their own.
	Restricted bool
}

// Has reports whether the account plays any of the parts.
func (a Account) Has(roles ...OwnerRole) bool {
	for _, g := range a.Grants {
		for _, r := range roles {
			if g.Role == r {
				return true
			}
		}
	}
	return false
}

// Scopes are the places where the account plays the part.
func (a Account) Scopes(role OwnerRole) []string {
	var scopes []string
	for _, g := range a.Grants {
		if g.Role == role {
			scopes = append(scopes, g.Scope)
		}
	}
	return scopes
}

// LogValue gives an account by number alone.
func (a Account) LogValue() slog.Value { return slog.Int64Value(int64(a.ID)) }
