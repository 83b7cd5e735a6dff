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

// counts are what a page keeps up to date, in figures and in words, by the name
// that its place on the page has. An empty one is a line that has nothing to say.
type counts map[string]string

// live sends the viewer's counts when something has happened: of the queue, as
// the page that asks has narrowed it. It ends when their session would, if they
// do nothing else; a page asks again then, and is told if they have been signed
// out. Neither to listen nor to ask again keeps anybody signed in.
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
	of := v.queueFilter(v.URL.Query())
	end := time.NewTimer(v.Idle)
	defer end.Stop()
	tick := time.NewTicker(30 * time.Second) // what falls overdue causes no event
	defer tick.Stop()
	for {
		now, err := v.counts(of)
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
		case <-time.After(v.pulse):
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

// endLive tells the browser that nothing follows.
func (v *visit) endLive() error {
	fmt.Fprint(v.w, "event: end\ndata: {}\n\n")
	return nil
}

// stillSignedIn looks whether the session is there: somebody may have signed out
// of it at another process. To look does not keep it alive.
func (v *visit) stillSignedIn() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // not the request's, which holds the session as it was
	defer cancel()
	ctx, err := v.sessions.Load(ctx, v.sessions.Token(v.Context()))
	return err == nil && v.sessions.GetInt64(ctx, sessionAccount) == int64(v.me.ID)
}

// standsStill answers a page that is one too many to be kept up to date. It
// goes on showing what it has, as it does without JavaScript.
func (v *visit) standsStill() error {
	v.w.Header().Set("Retry-After", "60")
	return v.notLive(http.StatusTooManyRequests, "live.many")
}

// notLive answers a page whose counts stand still, in words that it can show.
func (v *visit) notLive(status int, key string) error {
	v.w.Header().Set("Content-Language", v.lang)
	http.Error(v.w, v.languages[v.lang].say(key), status)
	return nil
}

// peek reads the session of a page that listens, and leaves the time at which it
// ends as it is. Any other request is a sign that somebody is there.
func (d *Desk) peek(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var token string
		if cookie, err := r.Cookie(d.sessions.Cookie.Name); err == nil {
			token = cookie.Value
		}
		ctx, err := d.sessions.Load(r.Context(), token)
		if err != nil {
			d.noSession(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (v *visit) counts(of postgres.QueueFilter) (counts, error) {
	c := counts{}
	me, err := v.DB.Account(v.Context(), v.me.ID) // grants may have gone since
	if err != nil {
		return c, err
	}
	if judges(me) {
		of.Until = v.endOfDay()
		n, err := v.DB.QueueCount(v.Context(), me.ID, of)
		if err != nil {
			return c, err
		}
		v.ofQueue(c, n)
	}
	if access.ReadActions.Allows(&me) {
		n, err := v.DB.ActionCount(v.Context(), me.ID)
		if err != nil {
			return c, err
		}
		v.ofActions(c, n)
	}
	return c, nil
}

// ofQueue is what a page says of how much waits in the queue.
func (v *visit) ofQueue(c counts, n postgres.QueueCount) {
	c["queue"], c["queueWords"] = upTo(n.Waiting), v.say("queue.waiting", n.Waiting)
	c["queueOverdue"], c["queueNoneOverdue"] = v.overdue(n.Overdue)
	c["queueUnsure"], c["queueOldest"] = v.some("queue.unsure", n.Unsure), ""
	if n.Oldest != nil {
		w := v.languages[v.lang]
		c["queueOldest"] = w.say("queue.oldest", "span", w.span(v.Now().Sub(*n.Oldest)))
	}
}

// ofActions is what a page says of how much the viewer has to do.
func (v *visit) ofActions(c counts, n postgres.ActionCount) {
	c["actions"], c["actionsWords"] = upTo(n.Open), v.say("actions.open", n.Open)
	c["actionsOverdue"], c["actionsNoneOverdue"] = v.overdue(n.Overdue)
	c["actionsUnacknowledged"] = v.some("home.unacknowledged", n.Unacknowledged)
}

// overdue says how much is overdue, or that nothing is: one of the two.
func (v *visit) overdue(n int) (late, none string) {
	if n == 0 {
		return "", v.languages[v.lang].say("home.noneoverdue")
	}
	return v.say("queue.overdue", n), ""
}

// some is a count in words, and nothing if there is nothing to count.
func (v *visit) some(key string, n int) string {
	if n == 0 {
		return ""
	}
	return v.say(key, n)
}

// say is a count in the viewer's language, outside of a page.
func (v *visit) say(key string, n int) string { return v.languages[v.lang].count(key, n) }
