package casework

import "log/slog"

// StaffEntry is one row of the case record's staff list: a member of staff, or
// the mailbox of a part that nobody has alone.
type StaffEntry struct {
	Row int
	// Role is a member of staff's (practitioner, manager, head), or whose
	// mailbox it is (administrator, victim_staff, duty_officer, head, meeting).
	Role string
	// Code is the staff code. Empty: a mailbox of the PDU or the region.
	Code   string
	Name   string
	Grade  string
	Team   string
	PDU    string
	Region string
	Email  string
}

// Staff says whether the entry is a member of staff, and not a mailbox.
func (e StaffEntry) Staff() bool {
	return e.Code != "" && (e.Role == "practitioner" || e.Role == "manager" || e.Role == "head")
}

// Mailbox says for which scope the entry gives an address: an officer on duty's
// own, by code, before the region's; else the PDU's or the region's.
func (e StaffEntry) Mailbox() (scope string) {
	switch {
	case e.Code != "":
		return e.Code
	case e.Role == "duty_officer":
		return e.Region
	}
	return e.PDU
}

// LogValue gives an entry by its place alone.
func (e StaffEntry) LogValue() slog.Value { return slog.IntValue(e.Row) }

// String keeps names out of error texts and test output.
func (e StaffEntry) String() string { return "[staff entry]" }

// StaffTaken says what a staff list changed.
type StaffTaken struct {
	Staff     int `json:"staff"`     // members of staff in the list
	Changed   int `json:"changed"`   // of them new, or other than they were
	Mailboxes int `json:"mailboxes"` // that are now other than they were
	Gone      int `json:"gone"`      // were in the last list, and are in this one no more
}

// RotaTaken says what a file of the rota changed.
type RotaTaken struct {
	Shifts  int `json:"shifts"`  // in the file
	Added   int `json:"added"`   // that were not there
	Removed int `json:"removed"` // to come, of an earlier file, and not in this one
}

// Places are the codes that the register knows.
type Places struct {
	PDUs, Teams, Regions map[string]bool
}
