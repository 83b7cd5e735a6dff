package events

// AuditSealed is the head of the audit trail's chain as it stood: kept where the
// database's administrator cannot change it, it shows that the end was cut off
// later, or that all was computed anew.
type AuditSealed struct {
	// Seq is the number of the newest seal, and Hash its hash, in hexadecimal.
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

func (AuditSealed) Subject() string   { return "audit.sealed" }
func (AuditSealed) EventType() string { return "reportable.audit.sealed" }
