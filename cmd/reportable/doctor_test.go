package main

import (
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

func TestTheDoctorSaysWhatToDoAboutWhatIsWrong(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	sound := postgres.Symptoms{Database: "17", Durable: true, Register: 1, Supervised: 9, Imported: now.Add(-time.Hour)}
	for name, test := range map[string]struct {
		ail  func(*postgres.Symptoms, *casework.Reconciliation)
		want string
	}{
		"power":    {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Durable = false }, "may be lost with the power"},
		"clock":    {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Clock = -time.Minute }, "clock is 1m0s from ours"},
		"register": {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Imported = now.AddDate(0, 0, -9) }, "imported 9 days ago"},
		"relay":    {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Unpublished, s.UnpublishedFor = 3, time.Hour }, "wait to be published: 3"},
		"apart":    {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Apart = 1 }, "than all settle by: 1"},
		"unseen":   {func(s *postgres.Symptoms, _ *casework.Reconciliation) { s.Unseen = 2 }, "their owner may see: 2"},
		"quarantine": {func(s *postgres.Symptoms, _ *casework.Reconciliation) {
			s.Quarantined, s.QuarantinedFor = 1, time.Second
		}, "in quarantine: 1"},
		"ledger": {func(_ *postgres.Symptoms, r *casework.Reconciliation) { r.Unaccounted = 1 }, "unaccounted for: 1"},
	} {
		var r casework.Reconciliation
		s := sound
		test.ail(&s, &r)
		var wrong []string
		for _, f := range diagnose(s, r, now) {
			if !f.Well {
				wrong = append(wrong, f.What)
				if f.Do == "" {
					t.Errorf("%s: %q does not say what to do", name, f.What)
				}
			}
		}
		if len(wrong) != 1 || !strings.Contains(wrong[0], test.want) {
			t.Errorf("%s: got %q, want %q alone", name, wrong, test.want)
		}
	}
	for _, f := range diagnose(sound, casework.Reconciliation{}, now) {
		if !f.Well {
			t.Errorf("a sound database: got %q", f.What)
		}
	}
}

func TestTheDoctorWarnsAYearBeforeTheBankHolidaysEnd(t *testing.T) {
	calendar := casework.EnglandAndWales()
	_, until := calendar.Covers()
	if !holidays(calendar, until.Time().AddDate(-1, -1, 0)).Well {
		t.Error("thirteen months before, it warns already")
	}
	if f := holidays(calendar, until.Time().AddDate(0, -11, 0)); f.Well || f.Do == "" {
		t.Errorf("eleven months before: got %v", f)
	}
}

func TestTheDoctorChasesAForceThatKeepsSomebodyForADay(t *testing.T) {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	prompt := casework.WatchState{WatchPolicy: casework.WatchPolicy{Force: "61"}, UnconfirmedEndings: 1, OldestEnding: now.Add(-23 * time.Hour)}
	if got := letGo([]casework.WatchState{prompt}, now); len(got) != 1 || !got[0].Well {
		t.Errorf("an ending of today: got %v", got)
	}
	slow := casework.WatchState{WatchPolicy: casework.WatchPolicy{Force: "62"}, UnconfirmedEndings: 3, OldestEnding: now.Add(-72 * time.Hour)}
	got := letGo([]casework.WatchState{prompt, slow}, now)
	if len(got) != 1 || got[0].Well || got[0].Do == "" || !strings.Contains(got[0].What, "force 62") || !strings.Contains(got[0].What, "3 people") {
		t.Errorf("an ending of three days ago: got %v", got)
	}
	if got := letGo(nil, now); len(got) != 0 {
		t.Errorf("no list is agreed with anybody: got %v", got)
	}
}

func TestTheDoctorFindsWebhooksThatAreToldNothing(t *testing.T) {
	if got := hooked(nil, 0); got != nil {
		t.Errorf("without webhooks: got %v", got)
	}
	for name, test := range map[string]struct {
		all    []casework.Webhook
		silent int
		well   [2]bool
	}{
		"well":     {[]casework.Webhook{{Name: "a"}}, 0, [2]bool{true, true}},
		"silent":   {[]casework.Webhook{{Name: "a"}}, 1, [2]bool{false, true}},
		"disabled": {[]casework.Webhook{{Name: "a", DisabledAt: time.Now()}}, 0, [2]bool{true, false}},
	} {
		got := hooked(test.all, test.silent)
		if len(got) != 2 || [2]bool{got[0].Well, got[1].Well} != test.well || !strings.Contains(got[0].Do, "DESK_URL") {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
