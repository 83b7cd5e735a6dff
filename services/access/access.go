// Package access is who may do and see what: the parts that people play, the
// rules that pages and API ask for, the personas of the demo, and what an
// identity provider's claims grant.
//
// A [Rule] is asked before a page is served. Which people, matches and actions
// somebody may see is decided in SQL (schemas/tables/00005_access.sql), in the
// same query that reads them, so that no page can forget to ask.
package access

import (
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Rule says who may use a page.
type Rule struct {
	// Name is how the table of routes and the tests call it.
	Name string
	// Roles are those of whom any may. Nil with Anyone unset is nobody.
	Roles []casework.OwnerRole
	// Anyone lets in people who have not signed in.
	Anyone bool
	// SignedIn lets in everybody who has.
	SignedIn bool
}

// The rules of the desk. Each names a thing that people do, not a page.
var (
	Public     = Rule{Name: "public", Anyone: true}
	AnyAccount = Rule{Name: "any account", SignedIn: true}

	// ReadMatches: whoever works on cases. Which ones is up to the query.
	ReadMatches = Rule{Name: "read matches", Roles: []casework.OwnerRole{
		casework.Administrator, casework.HeadOfPDU, casework.Manager, casework.Practitioner}}
	// JudgeMatches: confirm, dismiss, ask; transfer to the case record.
	JudgeMatches = Rule{Name: "judge matches", Roles: []casework.OwnerRole{casework.Administrator, casework.HeadOfPDU}}
	// TakeMatches: take over what somebody else has open to judge.
	TakeMatches = Rule{Name: "take matches", Roles: []casework.OwnerRole{casework.HeadOfPDU}}
	// RetractMatches: take back a confirmation that was wrong.
	RetractMatches = Rule{Name: "retract matches", Roles: []casework.OwnerRole{
		casework.Administrator, casework.HeadOfPDU, casework.Manager}}
	// ReadActions: everybody who may own one.
	ReadActions = Rule{Name: "read actions", Roles: []casework.OwnerRole{
		casework.Administrator, casework.Practitioner, casework.Manager, casework.HeadOfPDU,
		casework.VictimStaff, casework.DutyOfficer}}
	// Decide: record what is to be done.
	Decide = Rule{Name: "decide", Roles: []casework.OwnerRole{
		casework.Practitioner, casework.Manager, casework.HeadOfPDU, casework.VictimStaff, casework.DutyOfficer}}
	// Oversee: countersign, reassign, cover, read the team's board.
	Oversee = Rule{Name: "oversee", Roles: []casework.OwnerRole{casework.Manager, casework.HeadOfPDU}}
	// RecordCalls: say that somebody took an action by telephone.
	RecordCalls = Rule{Name: "record calls", Roles: []casework.OwnerRole{
		casework.Administrator, casework.Manager, casework.HeadOfPDU, casework.DutyOfficer}}
	// Inspect: how long things take and what was followed up, in counts.
	Inspect = Rule{Name: "inspect", Roles: []casework.OwnerRole{casework.Manager, casework.HeadOfPDU, casework.Auditor}}
	// TakeUrgent: what cannot wait for the morning.
	TakeUrgent = Rule{Name: "take what is urgent", Roles: []casework.OwnerRole{casework.DutyOfficer}}
	// SupportVictims: tell victims what they may know.
	SupportVictims = Rule{Name: "support victims", Roles: []casework.OwnerRole{casework.VictimStaff}}
	// KeepRota: read who is on duty; managers and heads say who takes what is urgent out of hours.
	KeepRota = Rule{Name: "keep the rota", Roles: []casework.OwnerRole{casework.Manager, casework.HeadOfPDU, casework.DutyOfficer}}
	// ReadDigest: the list for a PDU's multi-agency meeting.
	ReadDigest = Rule{Name: "read the digest", Roles: []casework.OwnerRole{
		casework.Administrator, casework.Manager, casework.HeadOfPDU}}
	// ReadTrail: search and verify the audit trail.
	ReadTrail = Rule{Name: "read the trail", Roles: []casework.OwnerRole{casework.Auditor}}
	// Operate: what flows and what is late, without a name.
	Operate = Rule{Name: "operate", Roles: []casework.OwnerRole{casework.Operations, casework.Auditor, casework.HeadOfPDU}}
)

// Allows reports whether the rule lets the account in. Nil is somebody who has
// not signed in.
func (r Rule) Allows(who *casework.Account) bool {
	if r.Anyone {
		return true
	}
	if who == nil {
		return false
	}
	return r.SignedIn || slices.ContainsFunc(who.Grants, func(g casework.Grant) bool {
		return slices.Contains(r.Roles, g.Role)
	})
}
