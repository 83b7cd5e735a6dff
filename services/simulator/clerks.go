package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Clerks are who, at each force, fetches what probation asks and answers it
// after a while, and who takes what changed on the watch list and says so. They remember nothing: another start goes on with what was
// taken and not answered.
type Clerks struct {
	// URL is the feed's, such as http://127.0.0.1:8081.
	URL string
	// Keys are the forces' API keys, by force.
	Keys map[string]string
	// After is how long an enquiry lies with the force. Default 20s.
	After time.Duration
	// Every is how often the clerks look. Default 5s.
	Every time.Duration
	// Client asks. Default one that gives up after 10 seconds.
	Client *http.Client
	// Log is told of what failed, once for each stretch of failures.
	Log *slog.Logger
	// Did, if set, is told of every enquiry that was "taken" or "answered". For tests.
	Did func(what, enquiry string)

	due     map[string]time.Time // when a force may have something to answer
	failing map[string]bool
	lists   map[string]time.Time // when a force's watch list is to be looked at
}

// Run answers until the context ends, and returns nil then.
func (c *Clerks) Run(ctx context.Context) error {
	if c.After <= 0 {
		c.After = 20 * time.Second
	}
	if c.Every <= 0 {
		c.Every = 5 * time.Second
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 2 * time.Minute} // a first list is of thousands, and comes while everything starts
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Did == nil {
		c.Did = func(string, string) {}
	}
	c.due, c.failing, c.lists = map[string]time.Time{}, map[string]bool{}, map[string]time.Time{}
	for force := range c.Keys {
		c.due[force] = time.Now() // of the last run
	}
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for force := range c.Keys {
			err := errors.Join(c.follow(ctx, force), c.take(ctx, force), c.answer(ctx, force))
			if ctx.Err() != nil {
				return nil
			}
			if err != nil && !c.failing[force] {
				c.Log.Warn("a simulated force cannot answer what it is asked", "force", force, "error", err)
			}
			c.failing[force] = err != nil
		}
	}
}

// follow takes what changed on the watch list and confirms it, as a force that
// lets go of whom it is told to does. It keeps nothing: a simulated force's
// records are made up anyway.
func (c *Clerks) follow(ctx context.Context, force string) error {
	if time.Now().Before(c.lists[force]) {
		return nil
	}
	c.lists[force] = time.Now().Add(12 * c.Every)
	var list struct{ Cursor, Confirmed int64 }
	err := call(ctx, c.Client, c.Keys[force], http.MethodGet, c.URL+"/v1/caseload/status", nil, &list)
	if errors.Is(err, errNotThere) || err == nil && list.Cursor == list.Confirmed {
		return nil // none is agreed, or nothing is new
	}
	if err != nil {
		return err
	}
	var taken struct{ Cursor int64 }
	err = call(ctx, c.Client, c.Keys[force], http.MethodGet, fmt.Sprintf("%s/v1/caseload/changes?wait=0&after=%d", c.URL, list.Confirmed), nil, &taken)
	if err != nil || taken.Cursor == list.Confirmed {
		return err
	}
	return call(ctx, c.Client, c.Keys[force], http.MethodPost, c.URL+"/v1/caseload/confirmations", map[string]int64{"cursor": taken.Cursor}, nil)
}

type enquiries struct {
	Enquiries []casework.EnquiryOut
	Complete  bool
}

// take fetches what is new.
func (c *Clerks) take(ctx context.Context, force string) error {
	var fresh enquiries
	err := call(ctx, c.Client, c.Keys[force], http.MethodGet, c.URL+"/v1/enquiries", nil, &fresh)
	for _, e := range fresh.Enquiries {
		if taken := call(ctx, c.Client, c.Keys[force], http.MethodPost, c.URL+"/v1/enquiries/"+e.ID+"/taken", nil, nil); taken != nil {
			err = errors.Join(err, taken)
			continue
		}
		if _, already := c.due[force]; !already {
			c.due[force] = time.Now().Add(c.After)
		}
		c.Did("taken", e.ID)
	}
	return err
}

// answer replies to what has lain for long enough. What was taken is asked for
// only when something is due, for each time that it is given is on the trail.
func (c *Clerks) answer(ctx context.Context, force string) error {
	if at, ok := c.due[force]; !ok || time.Now().Before(at) {
		return nil
	}
	var taken enquiries
	err := call(ctx, c.Client, c.Keys[force], http.MethodGet, c.URL+"/v1/enquiries?taken=true", nil, &taken)
	if err != nil {
		return err
	}
	delete(c.due, force)
	if !taken.Complete {
		c.due[force] = time.Now()
	}
	for _, e := range taken.Enquiries {
		if e.TakenAt == nil || time.Since(*e.TakenAt) < c.After {
			c.due[force] = time.Now().Add(c.After)
			continue
		}
		if failed := call(ctx, c.Client, c.Keys[force], http.MethodPost, c.URL+"/v1/replies", reply(force, e, e.TakenAt.Add(c.After)), nil); failed != nil {
			c.due[force] = time.Now()
			err = errors.Join(err, failed)
			continue
		}
		c.Did("answered", e.ID)
	}
	return err
}

// told is what a force holds, by why it was asked.
var told = map[casework.Purpose]string{
	casework.PurposeRisk:         "Three call-outs in the period, all to arguments that had ended. Nobody was hurt and nobody was arrested.",
	casework.PurposeSafeguarding: "Officers saw a child at the address, well. The safeguarding hub was told the same day.",
	casework.PurposeEnforcement:  "Released under investigation. The custody record can be asked for by its number.",
	casework.PurposeIdentity:     "Identified by a document at the scene. No fingerprints were taken, so it cannot be said with more certainty.",
}

// reply is always the same for one enquiry, so that one sent twice is a duplicate.
func reply(force string, e casework.EnquiryOut, at time.Time) casework.Reply {
	chance := fnv.New32a()
	chance.Write([]byte(e.ID))
	n := chance.Sum32() % 8
	r := casework.Reply{Force: force, Reference: "ENQ-" + e.ID, Revision: 1, Status: casework.Live, Enquiry: e.ID}
	if e.Purpose == casework.PurposeDisclosure {
		r.Kind, r.Outcome, r.DecidedOn, r.DecidedBy = casework.KindDisclosureOutcome, "disclosed", casework.DateOf(at.In(london)), "panel"
		if n < 3 {
			r.Outcome = "not-disclosed"
		}
		return r
	}
	r.Kind, r.RepliedAt = casework.KindEnquiryReply, at.Truncate(time.Second)
	switch {
	case n == 0:
		r.Answer = "refused"
	case n < 3:
		r.Answer = "nothing-held"
	default:
		r.Answer, r.Text = "information", told[e.Purpose]
		if e.Incident != "" {
			r.Incidents = []string{e.Incident}
		}
	}
	return r
}

// call asks the feed with a force's key, and reads its answer into into.
func call(ctx context.Context, client *http.Client, key, method, url string, body, into any) (err error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+key)
	answer, err := client.Do(request)
	if err != nil {
		var at interface{ Timeout() bool }
		if errors.As(err, &at) && at.Timeout() {
			return errors.New("no answer in time")
		}
		return err
	}
	defer answer.Body.Close()
	// To its end: what is said first of a list is true of the whole of it.
	defer func() {
		if _, broken := io.Copy(io.Discard, answer.Body); err == nil {
			err = broken
		}
	}()
	if answer.StatusCode == http.StatusNotFound {
		return errNotThere
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("answered %s", answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

var errNotThere = errors.New("answered that there is no such thing")
