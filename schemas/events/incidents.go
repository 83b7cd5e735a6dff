package events

// Incident names one revision of an incident in the ledger.
type Incident struct {
	IncidentID int64  `json:"incidentId"`
	Force      string `json:"force"`
	Revision   int    `json:"revision"`
}

// IncidentReceived: feed has committed a live revision to the ledger.
type IncidentReceived Incident

// Subject has the force last, so that a reader may take one force alone.
func (e IncidentReceived) Subject() string { return "incidents.received." + e.Force }

// EventType is reportable.incident.received.
func (IncidentReceived) EventType() string { return "reportable.incident.received" }

// IncidentWithdrawn: feed has committed a revision by which the force withdraws
// the incident.
type IncidentWithdrawn Incident

// Subject has the force last.
func (e IncidentWithdrawn) Subject() string { return "incidents.withdrawn." + e.Force }

// EventType is reportable.incident.withdrawn.
func (IncidentWithdrawn) EventType() string { return "reportable.incident.withdrawn" }
