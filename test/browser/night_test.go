package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// At two on a Sunday morning the clock that counts is the one on the wall.
func TestAnUrgentMatchAtTwoOnASundayIsTakenByTheDutyOfficer(t *testing.T) {
	now := time.Date(2026, 11, 15, 2, 0, 0, 0, casework.EnglandAndWales().Zone())
	w := open(t, func(c *desk.Config) { c.Now = func() time.Time { return now } })
	w.Now = now
	pgtest.Exec(t, w.DB, `insert into rota (region, staff, starts, ends, telephone, set_by)
		values ('N03', $1, $2::timestamptz - interval '8 hours', $2::timestamptz + interval '7 hours', '029 2018 0001', 'test')`, scene.Stand, now)
	night := notifier.New(notifier.Config{Store: w.DB, Now: func() time.Time { return now }})
	for _, it := range ways {
		taken := map[string]string{"en": "Acknowledged", "cy": "Wedi'i gydnabod"}[it.lang]
		t.Run(it.name+"/"+it.lang, func(t *testing.T) {
			now = time.Date(2026, 11, 15, 2, 0, 0, 0, casework.EnglandAndWales().Zone())
			m := w.Match(scene.Report{Person: w.Person(scene.Case{}), Priority: casework.Urgent, Unraised: true})
			found := events.New(now, events.MatchFound{MatchID: int64(m.Match), IncidentID: int64(m.Incident), Revision: 1})
			if err := night.Handle(t.Context(), []events.Event{found}); err != nil {
				t.Fatal(err)
			}
			told := func() string {
				return pgtest.One[string](t, w.DB, `
					select string_agg(n.kind || ' → ' || n.owner_role || ' ' || n.owner, ', ' order by n.id)
					  from notice n
					  join action a on a.id = n.action
					 where a.match = $1
					   and a.rule = 'out_of_hours'`, m.Match)
			}
			if got := told(); got != "raised → duty_officer N03" {
				t.Fatalf("got %q told, want the duty officer alone", got)
			}
			now = now.Add(5 * time.Minute)
			b := w.tab(t, it.shape)
			b.language(it.lang)
			b.signIn("duty officer")
			b.do(chromedp.Click(css("main a[href='/duty']")), chromedp.WaitReady(css(".desk-urgent")))
			if got := b.text("main"); !strings.Contains(got, "Stan Standin") || !strings.Contains(got, "029 2018 0001") {
				t.Error("the page does not say who is on duty and where to call")
			}
			b.axe("duty-"+it.name+"-"+it.lang, false)
			b.picture("duty-night-" + it.name + "-" + it.lang)
			id := pgtest.One[int64](t, w.DB, "select id from action where match = $1 and rule = 'out_of_hours'", m.Match)
			b.do(chromedp.Click(css(fmt.Sprintf("[data-action='%d'] form button", id))), chromedp.WaitReady(css(".govuk-notification-banner")))
			if got := b.text(".desk-tags"); !strings.Contains(got, taken) {
				t.Errorf("got %q on the page, want %q", got, taken)
			}
			now = now.Add(15 * time.Minute) // past the time to acknowledge it
			if _, err := night.Escalate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := told(); got != "raised → duty_officer N03" {
				t.Errorf("got %q told after it was taken", got)
			}
		})
	}
}
