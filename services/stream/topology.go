package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/reportable-incidents/reportable/schemas/events"
)

// The streams, by the part of the way they cover.
const (
	Incidents = "INCIDENTS" // feed → matcher
	Caseload  = "CASELOAD"  // caseload → matcher
	Matches   = "MATCHES"   // matcher, desk → notifier
	Actions   = "ACTIONS"   // notifier, desk, feed → notifier, desk, outside consumers
	Audit     = "AUDIT"     // every process → the proof of the trail, outside consumers
)

const (
	day      = 24 * time.Hour
	megabyte = 1 << 20
)

// streams keep what was said for a while, by limits, whoever has read it: a
// reader that joins late, or whose position was lost, starts from the oldest.
// Bytes are reserved when a stream is made; see MaxStore.
var streams = []jetstream.StreamConfig{
	{Name: Incidents, Subjects: []string{"incidents.received.*", "incidents.withdrawn.*"}, MaxAge: 7 * day, MaxBytes: 512 * megabyte},
	{Name: Caseload, Subjects: []string{"caseload.changed"}, MaxAge: 7 * day, MaxBytes: 16 * megabyte},
	{Name: Matches, Subjects: []string{"matches.*"}, MaxAge: 7 * day, MaxBytes: 256 * megabyte},
	{Name: Actions, Subjects: []string{"actions.*", "decisions.recorded", "enquiries.*", "disclosures.received"}, MaxAge: 30 * day, MaxBytes: 512 * megabyte},
	// Heads of the audit trail: who may change the database cannot take one back
	// here, nor may who is connected.
	{Name: Audit, Subjects: []string{"audit.sealed"}, MaxAge: 400 * day, MaxBytes: 64 * megabyte, DenyDelete: true, DenyPurge: true},
}

// taken says of a subject that one of the streams has it.
func taken(subject string) bool {
	return slices.ContainsFunc(streams, func(s jetstream.StreamConfig) bool {
		return slices.ContainsFunc(s.Subjects, func(pattern string) bool { return fits(pattern, subject) })
	})
}

// fits says of a subject that a pattern, with a star for any one word, is of it.
func fits(pattern, subject string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(subject, ".")
	if len(want) != len(got) {
		return false
	}
	for i, word := range got {
		if word == "" || strings.ContainsAny(word, "*> \t\r\n") || want[i] != "*" && want[i] != word {
			return false
		}
	}
	return true
}

// duplicateWindow is how long the server forgets a second message of one id.
// It saves work only: readers do not rely on it.
const duplicateWindow = 2 * time.Minute

// Ensure makes the streams that are not there. One that is keeps the limits
// that its operator gave it; only subjects it does not have are added.
func (c *Conn) Ensure(ctx context.Context) error {
	for _, want := range streams {
		if err := c.ensureStream(ctx, want); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := c.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		want.Retention = jetstream.LimitsPolicy
		want.Storage = jetstream.FileStorage
		want.Discard = jetstream.DiscardOld
		want.Duplicates = duplicateWindow
		want.Replicas = c.replicas
		_, err = c.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			err = nil // another process was quicker
		}
		if err != nil {
			return fmt.Errorf("make stream %s: %w", want.Name, err)
		}
		c.log.Info("stream made", "stream", want.Name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	before := len(have.Subjects)
	for _, subject := range want.Subjects {
		if !slices.Contains(have.Subjects, subject) {
			have.Subjects = append(have.Subjects, subject)
		}
	}
	if len(have.Subjects) == before {
		return nil
	}
	if _, err := c.js.UpdateStream(ctx, have); err != nil {
		return fmt.Errorf("widen stream %s: %w", want.Name, err)
	}
	return nil
}

// ensureReader gives the reader's durable consumer, making it and its stream
// where they are gone. A new one starts from the oldest event that is kept.
func (c *Conn) ensureReader(ctx context.Context, r Reader) (jetstream.Consumer, error) {
	i := slices.IndexFunc(streams, func(s jetstream.StreamConfig) bool { return s.Name == r.Stream })
	if i < 0 {
		return nil, fmt.Errorf("read %s as %s: no such stream", r.Stream, r.Name)
	}
	if err := c.ensureStream(ctx, streams[i]); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	consumer, err := c.js.Consumer(ctx, r.Stream, r.Name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		consumer, err = c.js.CreateConsumer(ctx, r.Stream, jetstream.ConsumerConfig{
			Durable:       r.Name,
			DeliverPolicy: jetstream.DeliverAllPolicy,
			AckPolicy:     jetstream.AckExplicitPolicy,
			AckWait:       ackWait,
			MaxDeliver:    -1, // the count is kept here: a message given up by the server would be lost
			MaxAckPending: 10 * r.Batch,
		})
		if errors.Is(err, jetstream.ErrConsumerExists) {
			consumer, err = c.js.Consumer(ctx, r.Stream, r.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s as %s: %w", r.Stream, r.Name, err)
	}
	return consumer, nil
}

// AuditHeads are heads of the audit trail that were published, the newest among
// them, and for the rest some of all that are kept, evenly, at most so many.
func (c *Conn) AuditHeads(ctx context.Context, most int) ([]events.AuditSealed, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	s, err := c.js.Stream(ctx, Audit)
	if err != nil {
		return nil, fmt.Errorf("read the heads of the audit trail: %w", err)
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return nil, nil
	}
	step := max(1, (state.LastSeq-state.FirstSeq)/uint64(max(1, most-1))+1)
	var heads []events.AuditSealed
	for at := state.LastSeq; at >= state.FirstSeq && at > 0; at -= min(at, step) {
		m, err := s.GetMsg(ctx, at)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // it has just grown too old
		}
		if err != nil {
			return nil, fmt.Errorf("read head %d of the audit trail: %w", at, err)
		}
		said, err := events.Decode[events.AuditSealed](event(m.Header, m.Subject, m.Data))
		if err != nil {
			return nil, err
		}
		heads = append(heads, said.AdditionalInformation)
	}
	return heads, nil
}
