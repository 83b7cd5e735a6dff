// Package feed takes what a police force sends, checks it record by record, and
// answers for each one: accepted, duplicate, or rejected with the reason and the
// action required.
//
//	police forces → feed → ledger → incidents.received, incidents.withdrawn
//
// There are three ways in: HTTP ([Server]), a watched folder ([Folder]) and the
// command line. Behind them is one path, [Intake.Take]: a [Reader] for the
// format (canonical, csvfile) gives records, the rules (check) judge them, and
// the ledger commits them in batches. Accepted means committed.
package feed

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// Reader gives the records of one submission. canonical and csvfile have one each.
type Reader interface {
	// Next gives the next record, or io.EOF after the last one.
	Next() (casework.Record, error)
	// Dropped counts unknown fields.
	Dropped() map[string]int
	// Ended says why reading stopped before the end, or nil.
	Ended() *casework.Problem
}

// Ledger is what the feed needs of the store.
type Ledger interface {
	Accept(ctx context.Context, b casework.Batch, conflict casework.Problem) ([]casework.ReceiptLine, error)
	Secret(ctx context.Context, name string) ([]byte, error)
}

// Commit is how many records are committed at once, at most. Records of unusual
// size are committed sooner, so that memory stays bounded.
const (
	Commit      = 1000
	commitBytes = 2 << 20
)

// Intake is the one path by which submissions come in. Give it a ledger, and
// whatever else has a use; it is safe for concurrent use.
type Intake struct {
	Ledger Ledger
	// Metrics may be nil.
	Metrics *Metrics
	// Log may be nil.
	Log *slog.Logger
	// Now is the clock by which revisions are received. Nil is the database's.
	Now func() time.Time

	key digestKey
}

// Submission is what came, and how.
type Submission struct {
	Force   string
	Channel casework.Channel
	// ID is the receipt's; empty for a new one. A submission that broke off
	// and is sent again under its idempotency key goes on with its receipt.
	ID             string
	IdempotencyKey string
	// RequestDigest gives a hash of what was read so far. It is asked when all was.
	RequestDigest func() []byte
	// Each is called with the answers as they are committed, in order. May be nil.
	Each func([]casework.ReceiptLine)
	// Received is the time of receipt. Zero is now.
	Received time.Time
	// Quality is filled with how good the data are. May be nil.
	Quality *Quality
}

// Take reads all records and commits them as it goes. The receipt says what has
// been committed, also when there is an error: then the rest was not.
func (in *Intake) Take(ctx context.Context, s Submission, r Reader) (casework.Receipt, error) {
	if s.Received.IsZero() {
		s.Received = time.Now()
	}
	receipt := casework.Receipt{ID: s.ID, Force: s.Force, Channel: s.Channel, IdempotencyKey: s.IdempotencyKey, ReceivedAt: s.Received.UTC()}
	if receipt.ID == "" {
		receipt.ID = NewID(s.Received)
	}
	key, err := in.key.get(ctx, in.Ledger)
	if err != nil {
		return receipt, err
	}
	// One goroutine reads and prepares the next batch while this one commits the last.
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan prepared, 1)
	go func() {
		defer close(batches)
		prepare(work, r, key, s, batches)
	}()
	conflict := check.Problem(check.Conflict, "")
	var broken *fault
	for p := range batches {
		if p.err != nil && !errors.As(p.err, &broken) {
			return receipt, p.err
		}
		if p.last {
			receipt.Dropped, receipt.Problem = r.Dropped(), r.Ended()
			if broken != nil {
				receipt.Problem = &broken.problem
			}
			if s.Quality != nil {
				s.Quality.Finish(receipt.Dropped)
			}
			if s.RequestDigest != nil {
				receipt.RequestDigest = s.RequestDigest()
			}
		}
		b := casework.Batch{Receipt: &receipt, Last: p.last, Entries: p.entries}
		if in.Now != nil {
			b.At = in.Now()
		}
		lines, err := in.Ledger.Accept(ctx, b, conflict)
		if err != nil {
			return receipt, err
		}
		in.count(&receipt, p.entries, lines, s.Received)
		if s.Each != nil {
			s.Each(lines)
		}
		if p.last {
			receipt.CompletedAt = time.Now().UTC()
		}
	}
	if err := ctx.Err(); err != nil && receipt.CompletedAt.IsZero() {
		return receipt, err
	}
	if in.Log != nil {
		in.Log.InfoContext(ctx, "took a submission", "force", receipt.Force, "channel", receipt.Channel, "receipt", receipt.ID,
			"accepted", receipt.Accepted, "duplicate", receipt.Duplicate, "rejected", receipt.Rejected, "took", time.Since(s.Received))
	}
	if broken != nil {
		return receipt, broken
	}
	return receipt, nil
}

// fault is an end of the stream that is the sender's doing: a body over the
// limit, a broken compression. What came before it is committed, and the
// receipt says where it ended.
type fault struct {
	status  int
	problem casework.Problem
}

func (f *fault) Error() string { return f.problem.Message }

// Check does everything that Take does but commit: each record is read and
// judged, and nothing is asked of the ledger or told to it. In its answer
// accepted means what would be, if it is not there already. Each may be nil.
func Check(r Reader, force string, received time.Time, each func(casework.ReceiptLine)) (Answer, error) {
	var lines gather
	var q Quality
	receipt := casework.Receipt{Force: force, ReceivedAt: received.UTC()}
	line := 0
	for {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Answer{}, err
		}
		line++
		q.Add(rec, received)
		e := entry(line, rec, nil)
		l := casework.ReceiptLine{Line: line, Record: rec.Number, Reference: e.Record.Incident.Reference, Revision: e.Record.Incident.Revision,
			Status: casework.LineAccepted, Problems: rec.Problems}
		if len(rec.Problems) > 0 {
			l.Status = casework.LineRejected
			receipt.Rejected++
		} else {
			receipt.Accepted++
			if rec.Incident.Redacted {
				receipt.Redacted++
			}
		}
		lines.add([]casework.ReceiptLine{l})
		if each != nil {
			each(l)
		}
	}
	q.Finish(r.Dropped())
	receipt.Dropped, receipt.Problem, receipt.CompletedAt = r.Dropped(), r.Ended(), time.Now().UTC()
	a := answer(receipt)
	a.Quality = &q
	lines.into(&a)
	return a, nil
}

// count adds a committed batch to the receipt and the metrics.
func (in *Intake) count(r *casework.Receipt, entries []casework.Entry, lines []casework.ReceiptLine, received time.Time) {
	for n, l := range lines {
		switch l.Status {
		case casework.LineAccepted:
			r.Accepted++
			if entries[n].Record.Incident.Redacted {
				r.Redacted++
			}
		case casework.LineDuplicate:
			r.Duplicate++
		case casework.LineRejected:
			r.Rejected++
		}
	}
	in.Metrics.took(r.Force, entries, lines, received)
}

// prepared is a batch ready for the ledger, and why it is the last if reading failed.
type prepared struct {
	entries []casework.Entry
	last    bool
	err     error
}

// prepare reads records into batches. The last batch says so, and may be empty.
func prepare(ctx context.Context, r Reader, key []byte, s Submission, out chan<- prepared) {
	give := func(p prepared) bool {
		select {
		case out <- p:
			return p.err == nil && !p.last
		case <-ctx.Done():
			return false
		}
	}
	mac := hmac.New(sha256.New, key)
	line, size := 0, 0
	var entries []casework.Entry
	for {
		rec, err := r.Next()
		if err == io.EOF {
			give(prepared{entries: entries, last: true})
			return
		}
		if err != nil {
			give(prepared{entries: entries, last: true, err: err})
			return
		}
		// Only now is it known that the full batch is not the last one.
		if len(entries) == Commit || size > commitBytes {
			if !give(prepared{entries: entries}) {
				return
			}
			entries, size = make([]casework.Entry, 0, Commit), 0
		}
		line++
		if s.Quality != nil {
			s.Quality.Add(rec, s.Received)
		}
		entries = append(entries, entry(line, rec, mac))
		size += len(entries[len(entries)-1].Body)
	}
}

// entry makes a record ready for the ledger. Without a mac, as in a check, it
// is made as ready as it can be.
func entry(line int, rec casework.Record, mac hash.Hash) casework.Entry {
	e := casework.Entry{Line: line, Record: rec}
	if len(rec.Problems) > 0 {
		// What cannot be read might be anything, so nothing of it is kept but a
		// key that looks like one.
		i := rec.Incident
		e.Record.Incident, e.Record.Reply = casework.Incident{Force: i.Force, Kind: i.Kind}, nil
		if check.GoodReference(i.Reference) {
			e.Record.Incident.Reference = i.Reference
		}
		if i.Revision > 0 && i.Revision <= check.MaxRevision {
			e.Record.Incident.Revision = i.Revision
		}
		return e
	}
	if mac == nil {
		return e
	}
	var what any = rec.Incident
	if rec.Reply != nil {
		what = rec.Reply
	}
	body, err := json.Marshal(what)
	if err != nil {
		panic("feed: a record cannot be encoded: " + err.Error()) // checked values always can
	}
	e.Body = body
	mac.Reset()
	mac.Write(body)
	e.Digest = mac.Sum(nil)
	return e
}

// NewID makes a receipt's id: a UUID of version 7, so that ids of one time
// stand together in the index.
func NewID(at time.Time) string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic("feed: no randomness: " + err.Error()) // Read never fails on the systems we run on
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(at.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// digestKey is the key of the ledger's digests, read once. It belongs to the
// installation: a plain hash of an incident could be guessed from its facts,
// and the digest stays when the incident is erased.
type digestKey struct {
	mu    sync.Mutex
	value []byte
}

func (k *digestKey) get(ctx context.Context, l Ledger) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.value == nil {
		value, err := l.Secret(ctx, "ledger digest")
		if err != nil {
			return nil, err
		}
		k.value = value
	}
	return k.value, nil
}
