package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// press sends keys to whatever has the focus.
func (b *tab) press(keys ...string) {
	b.Helper()
	for _, k := range keys {
		b.do(chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until the element has the focus, as somebody without a mouse does.
func (b *tab) tabTo(selector string) {
	b.Helper()
	for range 80 {
		b.press(kb.Tab)
		if get(b, chromedp.Evaluate[bool](fmt.Sprintf(`document.activeElement.matches(%q)`, selector))) {
			return
		}
	}
	b.Fatalf("%s: %s cannot be reached by keyboard", b.path(), selector)
}

// leaves waits until the page is another one.
func (b *tab) leaves(path string) {
	b.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if at, err := chromedp.Run(b.ctx, chromedp.Location()); err == nil && at != b.url+path {
			b.do(chromedp.WaitReady(css("main")))
			return
		}
		b.do(chromedp.Func(nap))
	}
	b.Fatalf("the page stays at %s", path)
}

func TestAnAdministratorClearsTenMatchesByKeyboard(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for i := range 10 {
		w.Match(scene.Report{Person: p, Due: time.Duration(i+1) * time.Hour})
	}
	b := w.tab(t, wide)
	b.signIn("administrator")
	b.goTo("/matches")
	b.tabTo("main tbody a")
	b.press(kb.Enter)
	b.leaves("/matches")
	for i := range 10 {
		at := b.path()
		b.tabTo("input[name=verdict]")
		b.press(kb.ArrowDown) // not this person
		b.tabTo("#reason")
		b.press(strings.Split("another man", "")...)
		b.tabTo("form.desk-verdict button")
		b.press(kb.Enter)
		b.leaves(at)
		if got := pgtest.One[int](t, w.DB, "select count(*)::int from judgement where verdict = 'dismiss'"); got != i+1 {
			t.Fatalf("after %d verdicts: got %d on the record", i+1, got)
		}
	}
	if got := b.path(); got != "/matches" {
		t.Errorf("got to %s, want the empty queue", got)
	}
}

func TestAPractitionerDecidesAndTheManagerCountersigns(t *testing.T) {
	for _, it := range []struct {
		lang string
		shape
		script bool
	}{{"en", narrow, true}, {"cy", wide, true}, {"en", wide, false}} {
		t.Run(fmt.Sprintf("%s/%s/script=%v", it.lang, it.name, it.script), func(t *testing.T) {
			w := open(t)
			m := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHHigh})})
			b := w.tab(t, it.shape)
			if !it.script {
				b.noScript()
			}
			b.language(it.lang)
			b.signIn("practitioner")
			at := fmt.Sprintf("/actions/%d", m.Practitioner)
			b.goTo(at)
			b.do(chromedp.Click(css("form.desk-acknowledge button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			b.goTo(at + "/decision")
			b.do(chromedp.Click(css("#outcome")),
				chromedp.SendKeys(css("#rationale"), "Second call-out."), chromedp.Click(css("#risk-2")),
				chromedp.SendKeys(css("#risk_reason"), "Already high."), chromedp.Click(css("main .govuk-button-group button")),
				chromedp.WaitReady(css(".govuk-summary-card")))
			manager := w.tab(t, it.shape)
			if !it.script {
				manager.noScript()
			}
			manager.language(it.lang)
			manager.signIn("manager")
			manager.goTo("/countersign")
			manager.do(chromedp.Click(css("main table a")), chromedp.WaitReady(css("#agree")),
				chromedp.Click(css("#agree")), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
			if got := pgtest.One[int](t, w.DB, "select count(*)::int from decision where countersigned_by = 'persona:manager'"); got != 1 {
				t.Error("the decision is not countersigned")
			}
		})
	}
}

func TestAWrongMatchIsRetracted(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	b := w.tab(t, wide)
	b.signIn("administrator")
	at := fmt.Sprintf("/matches/%d", m.Match)
	b.goTo(at)
	b.do(chromedp.Click(css("#verdict")), chromedp.Click(css("form.desk-verdict button")), chromedp.WaitReady(css(".desk-pack")))
	b.goTo(at + "/retract")
	b.do(chromedp.SendKeys(css("#reason"), "His twin."), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".desk-judged")))
	if got := b.text("main"); !strings.Contains(got, "it is not this person") {
		t.Error("the page does not say that it is not this person")
	}
}

func TestAManagerCoversAndReassigns(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	b := w.tab(t, wide)
	b.signIn("manager")
	b.goTo(fmt.Sprintf("/actions/%d/reassign", m.Practitioner))
	b.do(chromedp.SetValue(css("#to"), scene.Stand), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
	b.goTo("/staff/" + scene.Practitioner + "/cover")
	b.do(chromedp.SetValue(css("#by"), scene.Stand), chromedp.Click(css("main form button")), chromedp.WaitReady(css(".govuk-notification-banner")))
	if got := b.text("tr[data-staff=" + scene.Practitioner + "]"); !strings.Contains(got, "covered by Stan Standin") {
		t.Error("the board does not say who covers")
	}
}

func TestTheLanguageSwitchKeepsThePage(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	b := w.tab(t, narrow)
	b.signIn("administrator")
	at := fmt.Sprintf("/matches/%d", m.Match)
	b.goTo(at)
	b.do(chromedp.Click(css(".desk-languages a")), chromedp.WaitReady(css("html[lang=cy] main")))
	if got := b.path(); got != at {
		t.Errorf("got to %s, want %s", got, at)
	}
}

func TestCountsAreKeptUpToDate(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p})
	b := w.tab(t, wide)
	b.signIn("administrator")
	b.goTo("/")
	if got := b.text("[data-count=queue]"); got != "1" {
		t.Fatalf("got %s, want 1", got)
	}
	w.Match(scene.Report{Person: p})
	pgtest.Exec(t, w.DB, "insert into event (subject, payload) values ('matches.found', '{}')")
	b.do(chromedp.Poll[chromedp.Void](`document.querySelector('[data-count=queue]').textContent === '2'`))
}
