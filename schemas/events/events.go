// Package events is what moves between the stages: for each event a Go type, a
// JSON Schema and an example, side by side.
//
// An event has the shape of an HMPPS domain event (eventType, version,
// occurredAt, additionalInformation) and holds ids, force, revision and times
// only: a reader fetches the rest from PostgreSQL. So a stream can be replayed,
// lost and rebuilt, and nothing personal has to be erased from it. The schemas
// are closed, so that a name cannot slip in beside the ids.
//
// A stage writes [New] events to the table event in the transaction that caused
// them; services/stream publishes the rows and hands them to those who read.
package events

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is one row of the table event, and one message on a stream.
type Event struct {
	// ID is the row's number and, as text, the message's id. It is zero until
	// the row is written.
	ID int64
	// Subject is where it is published, such as incidents.received.62.
	Subject string
	// Data is the whole event as JSON.
	Data json.RawMessage
}

// Payload is the part of an event that is its own: the additionalInformation.
type Payload interface {
	// Subject is where the event is published.
	Subject() string
	// EventType is its HMPPS name, domain.entity.verb.
	EventType() string
}

// Version is that of every event here. An event that has to change in a way
// that its readers would notice gets a new version beside the old.
const Version = 1

// Envelope is the whole event as JSON has it.
type Envelope[P Payload] struct {
	EventType             string    `json:"eventType"`
	Version               int       `json:"version"`
	OccurredAt            time.Time `json:"occurredAt"`
	AdditionalInformation P         `json:"additionalInformation"`
}

// New makes the event that says p happened at the time.
func New(at time.Time, p Payload) Event {
	data, err := json.Marshal(Envelope[Payload]{
		EventType:             p.EventType(),
		Version:               Version,
		OccurredAt:            at.UTC(),
		AdditionalInformation: p,
	})
	if err != nil {
		panic("events: payload cannot be encoded: " + err.Error()) // ids and codes always can
	}
	return Event{Subject: p.Subject(), Data: data}
}

// Decode reads an event of the type P. Its error is permanent: an event that
// cannot be read now never can.
func Decode[P Payload](e Event) (Envelope[P], error) {
	var env Envelope[P]
	if err := json.Unmarshal(e.Data, &env); err != nil {
		// The decoder's own text may quote the message, so it is not repeated.
		return env, Permanent(fmt.Errorf("event %d on %s: not a JSON event of the expected form", e.ID, e.Subject))
	}
	if want := env.AdditionalInformation.EventType(); env.EventType != want {
		return env, Permanent(fmt.Errorf("event %d on %s: not a %s", e.ID, e.Subject, want))
	}
	if env.Version != Version {
		return env, Permanent(fmt.Errorf("event %d on %s: version %d is not understood", e.ID, e.Subject, env.Version))
	}
	return env, nil
}

// Permanent marks an error that no later try can mend, so that the event which
// caused it is quarantined at once instead of being tried again.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

type permanent struct{ error }

func (permanent) Permanent() bool { return true }
func (p permanent) Unwrap() error { return p.error }
