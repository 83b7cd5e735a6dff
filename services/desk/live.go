package desk

import (
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
	nudged, leave, ok := v.nudges.join(v.sessions.Token(v.Context()), v.me.Subject)
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
		if err != nil {
			return nil // the browser shows what it had
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
		case <-v.Context().Done():
			return nil
		}
		select {
		case <-nudged:
		case <-tick.C:
		case <-end.C:
			fmt.Fprint(v.w, "event: end\ndata: {}\n\n")
			return nil
		case <-v.Context().Done():
			return nil
		}
	}
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
