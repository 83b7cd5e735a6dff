package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// counts are what a page keeps up to date, as numbers and in words.
type counts struct {
	Queue        string `json:"queue,omitempty"`
	QueueWords   string `json:"queueWords,omitempty"`
	Actions      string `json:"actions,omitempty"`
	ActionsWords string `json:"actionsWords,omitempty"`
}

// pulse is how often counts are looked up at most.
const pulse = 5 * time.Second

// live sends the viewer's counts when something has happened. It ends when
// their session would, if they do nothing else: a page left open keeps nobody
// signed in.
func live(v *visit) error {
	nudged, signedOut, leave, ok := v.nudges.join(v.sessions.Token(v.Context()), v.me.Subject)
	if !ok {
		return v.standsStill()
	}
	defer leave()
	out := http.NewResponseController(v.w)
	if err := out.SetWriteDeadline(time.Time{}); err != nil {
		return fmt.Errorf("keep the stream open: %w", err)
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	end := time.NewTimer(v.Idle)
	defer end.Stop()
	tick := time.NewTicker(6 * pulse) // what falls overdue causes no event
	defer tick.Stop()
	for {
		now, err := v.counts()
		if err != nil || !v.stillSignedIn() {
			return v.endLive() // the browser shows what it had
		}
		line, err := json.Marshal(now)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(v.w, "data: %s\n\n", line); err != nil || out.Flush() != nil {
			return nil
		}
		select {
		case <-time.After(pulse):
		case <-end.C:
			return v.endLive()
		case <-signedOut:
			return v.endLive()
		case <-v.Context().Done():
			return nil
		}
		select {
		case <-nudged:
		case <-tick.C:
		case <-end.C:
			return v.endLive()
		case <-signedOut:
			return v.endLive()
		case <-v.Context().Done():
			return nil
		}
	}
}

// endLive tells the browser not to ask again.
func (v *visit) endLive() error {
	fmt.Fprint(v.w, "event: end\ndata: {}\n\n")
	return nil
}

// stillSignedIn looks whether the session is there: somebody may have signed out
// of it at another process. To look does not keep it alive.
func (v *visit) stillSignedIn() bool {
	ctx, cancel := context.WithTimeout(context.Background(), pulse) // not the request's, which holds the session as it was
	defer cancel()
	ctx, err := v.sessions.Load(ctx, v.sessions.Token(v.Context()))
	return err == nil && v.sessions.GetInt64(ctx, sessionAccount) == int64(v.me.ID)
}

// standsStill answers a page that is one too many to be kept up to date. It
// goes on showing what it has, as it does without JavaScript.
func (v *visit) standsStill() error {
	w := v.languages[v.lang]
	v.w.Header().Set("Retry-After", "60")
	v.w.Header().Set("Content-Language", v.lang)
	http.Error(v.w, w.say("live.many"), http.StatusTooManyRequests)
	return nil
}

func (v *visit) counts() (counts, error) {
	var c counts
	me, err := v.DB.Account(v.Context(), v.me.ID) // grants may have gone since
	if err != nil {
		return c, err
	}
	if judges(me) {
		n, err := v.DB.QueueCount(v.Context(), me.ID, postgres.QueueFilter{Until: v.endOfDay()})
		if err != nil {
			return c, err
		}
		c.Queue, c.QueueWords = upTo(n.Waiting), v.say("queue.waiting", n.Waiting)
	}
	if access.ReadActions.Allows(&me) {
		n, err := v.DB.ActionCount(v.Context(), me.ID)
		if err != nil {
			return c, err
		}
		c.Actions, c.ActionsWords = upTo(n.Open), v.say("actions.open", n.Open)
	}
	return c, nil
}

// say is a count in the viewer's language, outside of a page.
func (v *visit) say(key string, n int) string { return v.languages[v.lang].count(key, n) }
