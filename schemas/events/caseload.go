package events

// CaseloadChanged: the register of people on probation has a new version. Who
// changed is a query: people whose changed_version is above the reader's.
type CaseloadChanged struct {
	RegisterVersion int64 `json:"registerVersion"`
	// Changed is how many people this version touched.
	Changed int `json:"changed"`
}

// Subject is caseload.changed.
func (CaseloadChanged) Subject() string { return "caseload.changed" }

// EventType is reportable.caseload.changed.
func (CaseloadChanged) EventType() string { return "reportable.caseload.changed" }
