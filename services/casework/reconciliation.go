package casework

// Reconciliation says where every accepted revision is. The six from Matched to
// InFlight add up to Accepted; Erased are those among them whose personal data
// is gone. Unaccounted is what joins that trust no disposition find wrong; it
// is 0.
type Reconciliation struct {
	Accepted    int `json:"accepted"`
	Matched     int `json:"matched"`
	Unmatched   int `json:"unmatched"`
	Withdrawn   int `json:"withdrawn"`
	Superseded  int `json:"superseded"`
	Quarantined int `json:"quarantined"`
	InFlight    int `json:"in_flight"`
	Erased      int `json:"erased"`
	Unaccounted int `json:"unaccounted"`
	// Transfers is how what the case record holds agrees with what was sent; nil
	// where nothing was ever transferred.
	Transfers *TransferFindings `json:"transfers,omitempty"`
	// EnquiriesWaiting are with a force. Replies are all revisions of them that
	// were accepted; of the newest, Unread wait for somebody to read them, and
	// Unrouted for an incident of whom they are about.
	EnquiriesWaiting int `json:"enquiries_waiting"`
	Replies          int `json:"replies"`
	RepliesUnread    int `json:"replies_unread"`
	RepliesUnrouted  int `json:"replies_unrouted"`
	// Wrong are the findings behind Unaccounted.
	Wrong []Finding `json:"-"`
}

// Finding is one thing that reconciliation found wrong, and how often.
type Finding struct {
	What     string
	Count    int
	Examples []string // as force/reference/revision
}
