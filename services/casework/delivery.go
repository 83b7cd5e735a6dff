package casework

import "time"

// Telling is the job of telling one owner outside the desk what is new to them.
// It names no notice: several within a few minutes are one message.
type Telling struct {
	Role OwnerRole `json:"role"`
	Code string    `json:"code"`
}

// Kind is the job's name in the queue.
func (Telling) Kind() string { return "telling" }

// DeliveryQueue is where tellings and digests wait, for a process that delivers.
const DeliveryQueue = "delivery"

// DeliveryID is the ledger's number for one message outside the desk.
type DeliveryID int64

// Delivery is one message to one owner, with what it tells of.
type Delivery struct {
	ID        DeliveryID
	Channel   string
	MessageID string // the same however often it is sent
	To        Owner
	// Addresses are where it goes; never logged.
	Addresses []string
	Notices   []Notice
}

// Notice is one thing to be told, without anybody's name.
type Notice struct {
	Action    ActionID
	Reference string // the force's reference of the incident; empty for one that not everybody may know of
	Rule      string
	Kind      string
	Priority  Priority
	At        time.Time
}

// DayInPDU counts a PDU's last 24 hours, for its digest.
type DayInPDU struct {
	PDU       string
	Addresses []string
	// Found are people matched; Unjudged those that nobody has looked at yet.
	Found, Unjudged, Undecided, Overdue int
}
