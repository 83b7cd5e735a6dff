package access

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Claims says what an identity provider's claims grant. It is configuration:
// every organisation names its roles and places in its own way.
//
//	{
//	  "roles": "authorities",
//	  "staff": "staff_code",
//	  "grants": [
//	    {"value": "ROLE_REPORTABLE__MATCHES__RW", "role": "administrator", "scope": "pdus"},
//	    {"value": "ROLE_REPORTABLE__TRAIL__RO", "role": "auditor"}
//	  ]
//	}
type Claims struct {
	// Roles is the claim that lists what somebody is. Default "roles".
	Roles string `json:"roles"`
	// Staff is the claim with their staff code, where there is one. A
	// practitioner's scope is that code.
	Staff  string       `json:"staff"`
	Grants []ClaimGrant `json:"grants"`
}

// ClaimGrant turns one value of the roles into one part, in each place that
// another claim lists.
type ClaimGrant struct {
	Value string             `json:"value"`
	Role  casework.OwnerRole `json:"role"`
	// Scope is the claim that lists PDUs, teams or regions, by role. Auditors
	// and operations have none.
	Scope      string `json:"scope"`
	Restricted bool   `json:"restricted"`
}

// ReadClaims reads and checks the configuration.
func ReadClaims(r io.Reader) (Claims, error) {
	var c Claims
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, fmt.Errorf("read what claims grant: %w", err)
	}
	if c.Roles == "" {
		c.Roles = "roles"
	}
	for i, g := range c.Grants {
		switch g.Role {
		case casework.Auditor, casework.Operations:
		case casework.Practitioner:
			if c.Staff == "" && g.Scope == "" {
				return c, fmt.Errorf("read what claims grant: grant %d: a practitioner needs the claim of their staff code", i+1)
			}
		case casework.Administrator, casework.HeadOfPDU, casework.Manager, casework.VictimStaff, casework.DutyOfficer:
			if g.Scope == "" {
				return c, fmt.Errorf("read what claims grant: grant %d: a %s needs a claim that says where", i+1, g.Role)
			}
		default:
			return c, fmt.Errorf("read what claims grant: grant %d: there is no role %q", i+1, g.Role)
		}
		if g.Value == "" {
			return c, fmt.Errorf("read what claims grant: grant %d: no value", i+1)
		}
	}
	return c, nil
}

// Account is who somebody is by their claims. Who is granted nothing gets an
// account that sees nothing.
func (c Claims) Account(subject, name string, claims map[string]any) (casework.Account, error) {
	if subject == "" || len(subject) > 255 || ours(subject) || strings.ContainsFunc(subject, unicode.IsControl) {
		return casework.Account{}, fmt.Errorf("sign in: a subject of this form is not taken from an identity provider")
	}
	a := casework.Account{Subject: subject, Name: name}
	if staff := list(claims[c.Staff]); len(staff) == 1 {
		a.Staff = staff[0]
	}
	held := list(claims[c.Roles])
	for _, g := range c.Grants {
		if !slices.Contains(held, g.Value) {
			continue
		}
		scopes := []string{""}
		switch {
		case g.Scope != "":
			scopes = list(claims[g.Scope])
		case g.Role == casework.Practitioner:
			scopes = list(claims[c.Staff])
		}
		for _, scope := range scopes {
			if scope == "" && g.Role != casework.Auditor && g.Role != casework.Operations {
				continue // a part without a place would be a part everywhere
			}
			a.Grants = append(a.Grants, casework.Grant{Role: g.Role, Scope: scope, Restricted: g.Restricted})
		}
	}
	return a, nil
}

// ours are the subjects of personas, and the names under which the trail sets
// down what a force or the program itself did: nobody signs in as one of them.
func ours(subject string) bool {
	return strings.HasPrefix(subject, PersonaPrefix) || strings.HasPrefix(subject, "force:") ||
		slices.Contains([]string{"command line", "operator", "demo", "caseload", "matcher", "erasure", "transfer", "webhook"}, subject)
}

// list reads a claim that may be a string or a list of strings.
func list(claim any) []string {
	switch v := claim.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var all []string
		for _, one := range v {
			if s, ok := one.(string); ok && s != "" {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
