package notifier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Message is what leaves the desk: a count, references and a link. It never
// carries a name.
type Message struct {
	// ID is the same however often the message is sent, so that whoever gets it
	// twice can tell.
	ID      string
	To      string
	Subject string
	Text    string
	Link    string
}

// Channel sends messages. Its children are mail and notify.
type Channel interface {
	Name() string
	// Send returns the channel's own number for the message, where it has one. An
	// error marked by events.Permanent is not tried again.
	Send(context.Context, Message) (remote string, err error)
}

// DeliveryStore is what a courier needs of the ledger.
type DeliveryStore interface {
	BeginDelivery(ctx context.Context, channel string, to casework.Owner) (casework.Delivery, error)
	Delivered(ctx context.Context, id casework.DeliveryID, state, remote, problem string) error
	DaysInPDUs(ctx context.Context, now time.Time) ([]casework.DayInPDU, error)
}

// Courier tells people outside the desk what is new to them in it.
type Courier struct {
	river.WorkerDefaults[casework.Telling]
	Store   DeliveryStore
	Channel Channel
	// Desk is the address of the desk, for links.
	Desk string
	Log  *slog.Logger
	// Outcomes counts messages by channel and outcome.
	Outcomes *prometheus.CounterVec
}

// NewOutcomes declares the metric of couriers.
func NewOutcomes(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "reportable_deliveries_total",
		Help: "Messages that left the desk, by channel and outcome: sent, again or failed.",
	}, []string{"channel", "outcome"})
	r.MustRegister(c)
	return c
}

// NextRetry spreads the tries over hours: an outage of a mail server is no
// reason to give up, nor to hammer it.
func (c *Courier) NextRetry(job *river.Job[casework.Telling]) time.Time {
	wait := 30 * time.Second << min(job.Attempt-1, 8)
	return time.Now().Add(min(wait, 2*time.Hour))
}

// Work sends one owner everything that is new to them, as one message, until
// nothing is left.
func (c *Courier) Work(ctx context.Context, job *river.Job[casework.Telling]) error {
	last := job.JobRow != nil && job.Attempt >= job.MaxAttempts
	for {
		more, err := c.tell(ctx, casework.Owner{Role: job.Args.Role, Code: job.Args.Code}, last)
		if err != nil || !more {
			return err
		}
	}
}

func (c *Courier) tell(ctx context.Context, to casework.Owner, last bool) (more bool, err error) {
	d, err := c.Store.BeginDelivery(ctx, c.Channel.Name(), to)
	if errors.Is(err, casework.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var remotes []string
	var refused []error // addresses that are given up; those after them are still told
	for i, address := range d.Addresses {
		m := Compose(d.Notices, c.Desk)
		m.ID, m.To = fmt.Sprintf("%s.%d", d.MessageID, i+1), address
		remote, err := c.Channel.Send(ctx, m)
		if err != nil && (last || permanent(err)) {
			refused = append(refused, err)
			continue
		}
		if err != nil {
			return false, c.failed(ctx, d, err, last)
		}
		if remote != "" {
			remotes = append(remotes, remote)
		}
	}
	problem := errors.Join(refused...)
	if problem != nil && len(refused) == len(d.Addresses) {
		return false, c.failed(ctx, d, problem, last)
	}
	if problem == nil {
		return true, c.told(ctx, d, remotes, "")
	}
	c.Outcomes.WithLabelValues(d.Channel, "failed").Add(float64(len(refused)))
	c.Log.Error("some addresses could not be told", "delivery", d.ID, "channel", d.Channel, "addresses", len(refused), "error", problem)
	return true, c.told(ctx, d, remotes, problem.Error())
}

func (c *Courier) told(ctx context.Context, d casework.Delivery, remotes []string, problem string) error {
	c.Outcomes.WithLabelValues(d.Channel, "sent").Inc()
	c.Log.Info("notices told", "delivery", d.ID, "channel", d.Channel, "role", d.To.Role, "notices", len(d.Notices))
	return c.Store.Delivered(ctx, d.ID, "sent", strings.Join(remotes, " "), problem)
}

func (c *Courier) failed(ctx context.Context, d casework.Delivery, cause error, last bool) error {
	if last || permanent(cause) {
		c.Outcomes.WithLabelValues(d.Channel, "failed").Inc()
		c.Log.Error("notices could not be told", "delivery", d.ID, "channel", d.Channel, "error", cause)
		if err := c.Store.Delivered(ctx, d.ID, "failed", "", cause.Error()); err != nil {
			return err
		}
		return river.JobCancel(cause)
	}
	c.Outcomes.WithLabelValues(d.Channel, "again").Inc()
	return errors.Join(cause, c.Store.Delivered(ctx, d.ID, "queued", "", cause.Error()))
}

func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// Sweeping is what a courier's sweep needs of the ledger.
type Sweeping interface {
	// Retell asks again for those to be told whose notices have waited since before a time.
	Retell(ctx context.Context, before time.Time) (int, error)
	// SentUnsettled are messages whose end is not known, by the channel's number.
	SentUnsettled(ctx context.Context, channel string, limit int) (map[casework.DeliveryID]string, error)
	Delivered(ctx context.Context, id casework.DeliveryID, state, remote, problem string) error
}

// Sweep asks for whom no job tells, and what became of messages, each minute
// until the context ends.
func (c *Courier) Sweep(ctx context.Context, store Sweeping) error {
	for ctx.Err() == nil {
		if err := c.SweepOnce(ctx, store, time.Now()); err != nil && ctx.Err() == nil {
			c.Log.Warn("sweep of deliveries failed; the next one tries again", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
	}
	return nil
}

// SweepOnce does it once.
func (c *Courier) SweepOnce(ctx context.Context, store Sweeping, now time.Time) error {
	if _, err := store.Retell(ctx, now.Add(-10*time.Minute)); err != nil {
		return err
	}
	asked, ok := c.Channel.(interface {
		State(ctx context.Context, remote string) (string, error)
	})
	if !ok {
		return nil // a mail server says no more than that it took the mail
	}
	sent, err := store.SentUnsettled(ctx, c.Channel.Name(), 100)
	if err != nil {
		return err
	}
	var failures []error // of some, which does not keep the others
	for id, remote := range sent {
		state := "delivered"
		for _, one := range strings.Fields(remote) { // one for each address
			is, err := asked.State(ctx, one)
			if err != nil {
				failures = append(failures, fmt.Errorf("ask for delivery %d: %w", id, err))
				state = "sent"
				break
			}
			if is != "delivered" && state != "failed" {
				state = is
			}
		}
		if state == "sent" {
			continue
		}
		if err := store.Delivered(ctx, id, state, "", ""); err != nil {
			failures = append(failures, err)
			continue
		}
		c.Outcomes.WithLabelValues(c.Channel.Name(), state).Inc()
	}
	return errors.Join(failures...)
}

// Compose says what is new: how many, how pressing, the references, the link.
// Details stay in the desk.
func Compose(notices []casework.Notice, desk string) Message {
	urgent := 0
	for _, n := range notices {
		if n.Priority == casework.Urgent {
			urgent++
		}
	}
	m := Message{Link: desk + "/"}
	m.Subject = fmt.Sprintf("Reportable: %d new / %d newydd", len(notices), len(notices))
	if urgent > 0 {
		m.Subject = fmt.Sprintf("Reportable: %d new, %d urgent / %d newydd, %d ar frys", len(notices), urgent, len(notices), urgent)
	}
	m.Text = "There is something for you in Reportable.\n\n" + linesOf(notices, kinds, "there is news", "and %d more") +
		"\n\nWho and what it is about is in the desk:\n" + m.Link +
		"\n\nThis message names nobody on purpose. Please do not reply to it.\n" + between +
		"Mae rhywbeth i chi yn Reportable.\n\n" + linesOf(notices, kindsInWelsh, "mae newyddion", "a %d arall") +
		"\n\nMae'r manylion am bwy a beth wrth y ddesg:\n" + m.Link +
		"\n\nNid yw'r neges hon yn enwi neb, o fwriad. Peidiwch ag ateb iddi, os gwelwch yn dda.\n"
	return m
}

// linesOf are the notices in one language, a line for each that differs.
func linesOf(notices []casework.Notice, kinds map[string]string, other, more string) string {
	var lines []string
	seen := map[string]bool{}
	for _, n := range notices {
		line := cmp.Or(kinds[n.Kind], other)
		if n.Reference != "" { // else somebody may not know of it, and who reads the mailbox is not known
			line = n.Reference + ": " + line
		}
		if !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	const shown = 20
	if len(lines) > shown {
		lines = append(lines[:shown], fmt.Sprintf(more, len(lines)-shown))
	}
	return strings.Join(lines, "\n")
}

var kinds = map[string]string{
	"raised":     "something to do",
	"escalated":  "left alone past its time",
	"reassigned": "moved to another owner",
	"routed":     "for you, because those it was for may not see it",
	"reopened":   "asked again",
	"informed":   "police have changed it",
	"pressed":    "more pressing than it was",
	"verified":   "the match is confirmed",
	"unverified": "the match is no longer confirmed: do not act on it",
	"retracted":  "the match was wrong: stop, and do not act on it",
	"dismissed":  "it is not this person: stop, and do not act on it",
	"withdrawn":  "police have withdrawn it",
	"superseded": "it no longer concerns this person",
	"closed":     "nothing is left to do",
}

// Digest is the job of telling each PDU how its last 24 hours were.
type Digest struct{}

// Kind is the job's name in the queue.
func (Digest) Kind() string { return "digest" }

// EveryDigest is the schedule: in the morning, before the multi-agency meeting.
func EveryDigest() *river.PeriodicJob {
	return river.NewPeriodicJob(morning{},
		func() (river.JobArgs, *river.InsertOpts) {
			return Digest{}, &river.InsertOpts{Queue: casework.DeliveryQueue, MaxAttempts: 3,
				UniqueOpts: river.UniqueOpts{ByArgs: true, ByPeriod: time.Hour}}
		}, nil)
}

// morning is eight o'clock in London, whatever the clocks do.
type morning struct{}

func (morning) Next(t time.Time) time.Time { return NextDigest(t) }

// NextDigest is the first time for digests after t.
func NextDigest(t time.Time) time.Time {
	zone := casework.EnglandAndWales().Zone()
	t = t.In(zone)
	at := time.Date(t.Year(), t.Month(), t.Day(), 8, 0, 0, 0, zone)
	if !at.After(t) {
		at = time.Date(t.Year(), t.Month(), t.Day()+1, 8, 0, 0, 0, zone)
	}
	return at
}

// Digester sends the digests. The mail says how many; the names are a page.
type Digester struct {
	river.WorkerDefaults[Digest]
	Courier *Courier
	Now     func() time.Time
}

// Work sends each PDU its digest.
func (d *Digester) Work(ctx context.Context, _ *river.Job[Digest]) error {
	now := time.Now()
	if d.Now != nil {
		now = d.Now()
	}
	days, err := d.Courier.Store.DaysInPDUs(ctx, now)
	if err != nil {
		return err
	}
	var failures []error
	for _, day := range days {
		for i, to := range day.Addresses {
			m := composeDigest(day, d.Courier.Desk, now)
			m.ID, m.To = fmt.Sprintf("digest.%s.%s.%d", day.PDU, now.Format(time.DateOnly), i+1), to
			if _, err := d.Courier.Channel.Send(ctx, m); err != nil {
				failures = append(failures, fmt.Errorf("send the digest of %s: %w", day.PDU, err))
			}
		}
	}
	return errors.Join(failures...)
}

func composeDigest(d casework.DayInPDU, desk string, now time.Time) Message {
	day := now.In(casework.EnglandAndWales().Zone())
	m := Message{Subject: fmt.Sprintf("Reportable: the last 24 hours of %s / y 24 awr diwethaf yn %s", d.PDU, d.PDU),
		Link: fmt.Sprintf("%s/digest/%s/%s", desk, d.PDU, day.Format(time.DateOnly))}
	m.Text = fmt.Sprintf(`The last 24 hours of %s, on %s.

%5d  people found in police incidents
%5d  matches that nobody has looked at yet
%5d  incidents that wait for a decision
%5d  actions past their time

The list for the meeting is in the desk:
%s

This message names nobody on purpose. Please do not reply to it.
`, d.PDU, day.Format("2 January 2006"), d.Found, d.Unjudged, d.Undecided, d.Overdue, m.Link) + between + digestInWelsh(d, m.Link, day)
	return m
}
