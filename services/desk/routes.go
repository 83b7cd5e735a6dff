package desk

import (
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
)

var anyone = access.Public

// routes is the whole table: every page and every form, with the rule that it
// asks. A test walks it as each role, and fails on a line without a rule.
func (d *Desk) routes() []route {
	pages := []route{
		{pattern: "GET /{$}", rule: access.AnyAccount, handle: home},
		{pattern: "GET /sign-in", rule: access.Public, handle: signIn},
		{pattern: "POST /sign-in", rule: access.Public, handle: signInAs},
		{pattern: "GET /sign-in/provider", rule: access.Public, handle: toProvider},
		{pattern: "GET /sign-in/callback", rule: access.Public, handle: fromProvider},
		{pattern: "POST /sign-out", rule: access.Public, handle: signOut},
		{pattern: "GET /language/{language}", rule: access.Public, handle: switchLanguage},

		{pattern: "GET /matches", rule: access.JudgeMatches, handle: queue, view: "PAGE_VIEW_QUEUE"},
		{pattern: "GET /matches.csv", rule: access.JudgeMatches, handle: download, view: "DOWNLOAD_QUEUE"},
		{pattern: "POST /matches/assign", rule: access.JudgeMatches, handle: assign, view: "PAGE_VIEW_QUEUE"},
		{pattern: "GET /second-looks", rule: access.JudgeMatches, handle: secondLooks, view: "PAGE_VIEW_SECOND_LOOKS"},
		{pattern: "GET /live", rule: access.AnyAccount, handle: live},
		{pattern: "GET /matches/{id}", rule: access.ReadMatches, handle: match, view: "PAGE_VIEW_MATCH"},
		{pattern: "POST /matches/{id}/verdict", rule: access.JudgeMatches, handle: judge},
		{pattern: "POST /matches/{id}/take", rule: access.TakeMatches, handle: take},
		{pattern: "GET /matches/{id}/retract", rule: access.RetractMatches, handle: retract, view: "PAGE_VIEW_RETRACT"},
		{pattern: "POST /matches/{id}/retract", rule: access.RetractMatches, handle: retractNow},
		{pattern: "GET /matches/{id}/transfer", rule: access.JudgeMatches, handle: transfer, view: "PAGE_VIEW_TRANSFER"},
		{pattern: "POST /matches/{id}/transfer", rule: access.JudgeMatches, handle: transferNow},
		{pattern: "GET /digest/{code}/{date}", rule: access.ReadDigest, handle: digest, view: "PAGE_VIEW_DIGEST"},
		{pattern: "GET /transfers", rule: access.JudgeMatches, handle: transfers, view: "PAGE_VIEW_TRANSFERS"},
		{pattern: "POST /transfers/{id}/retry", rule: access.JudgeMatches, handle: retryTransfer},
		{pattern: "GET /matches/{id}/addresses", rule: access.ReadMatches, handle: addresses},
		{pattern: "POST /matches/{id}/addresses", rule: access.ReadMatches, handle: openAddresses},
		{pattern: "GET /matches/{id}/ask", rule: access.ReadMatches, handle: ask, view: "PAGE_VIEW_ASK"},
		{pattern: "POST /matches/{id}/ask", rule: access.ReadMatches, handle: askNow},
		{pattern: "GET /enquiries/{id}", rule: access.ReadMatches, handle: enquiry, view: "PAGE_VIEW_ENQUIRY"},
		{pattern: "GET /replies/{id}", rule: access.ReadMatches, handle: reply, view: "PAGE_VIEW_REPLY"},
		{pattern: "POST /replies/{id}/open", rule: access.ReadMatches, handle: openReply},
		{pattern: "POST /replies/{id}/read", rule: access.ReadMatches, handle: readReply},

		{pattern: "GET /actions", rule: access.ReadActions, handle: actions, view: "PAGE_VIEW_ACTIONS"},
		{pattern: "GET /actions/{id}", rule: access.ReadActions, handle: action, view: "PAGE_VIEW_ACTION"},
		{pattern: "GET /actions/{id}/addresses", rule: access.ReadActions, handle: addresses},
		{pattern: "POST /actions/{id}/addresses", rule: access.ReadActions, handle: openAddresses},
		{pattern: "POST /actions/{id}/done", rule: access.ReadActions, handle: complete},
		{pattern: "POST /actions/{id}/checklist", rule: access.Decide, handle: answer},
		{pattern: "GET /actions/{id}/reassign", rule: access.Oversee, handle: reassign, view: "PAGE_VIEW_REASSIGN"},
		{pattern: "POST /actions/{id}/reassign", rule: access.Oversee, handle: reassignNow},
		{pattern: "POST /actions/{id}/acknowledge", rule: access.ReadActions, handle: acknowledge},
		{pattern: "GET /actions/{id}/telephone", rule: access.RecordCalls, handle: telephone, view: "PAGE_VIEW_TELEPHONE"},
		{pattern: "POST /actions/{id}/telephone", rule: access.RecordCalls, handle: telephoned},
		{pattern: "GET /actions/{id}/decision", rule: access.Decide, handle: decision, view: "PAGE_VIEW_DECISION"},
		{pattern: "POST /actions/{id}/decision", rule: access.Decide, handle: decide},

		{pattern: "GET /countersign", rule: access.Oversee, handle: countersignatures, view: "PAGE_VIEW_COUNTERSIGNATURES"},
		{pattern: "GET /countersign/{id}", rule: access.Oversee, handle: countersign, view: "PAGE_VIEW_COUNTERSIGNATURE"},
		{pattern: "POST /countersign/{id}", rule: access.Oversee, handle: countersignNow},
		{pattern: "GET /escalated", rule: access.Oversee, handle: escalated, view: "PAGE_VIEW_ESCALATED"},

		{pattern: "GET /rota", rule: access.KeepRota, handle: rota},
		{pattern: "POST /rota", rule: access.Oversee, handle: addShift},
		{pattern: "GET /rota/{id}", rule: access.Oversee, handle: shift},
		{pattern: "POST /rota/{id}", rule: access.Oversee, handle: changeShift},
		{pattern: "POST /rota/{id}/remove", rule: access.Oversee, handle: removeShift},
		{pattern: "GET /duty", rule: access.TakeUrgent, handle: duty, view: "PAGE_VIEW_DUTY"},
		{pattern: "GET /victims", rule: access.SupportVictims, handle: victims, view: "PAGE_VIEW_VICTIMS"},
		{pattern: "GET /times", rule: access.Inspect, handle: times, view: "PAGE_VIEW_TIMES"},
		{pattern: "GET /inspection", rule: access.Inspect, handle: inspection, view: "PAGE_VIEW_INSPECTION"},
		{pattern: "GET /inspection.csv", rule: access.Inspect, handle: downloadInspection("csv"), view: "DOWNLOAD_INSPECTION"},
		{pattern: "GET /inspection.json", rule: access.Inspect, handle: downloadInspection("json"), view: "DOWNLOAD_INSPECTION"},
		{pattern: "GET /samples", rule: access.Oversee, handle: samples},
		{pattern: "POST /samples", rule: access.Oversee, handle: drawSample},
		{pattern: "GET /samples/{id}", rule: access.Oversee, handle: sample, view: "PAGE_VIEW_SAMPLE"},
		{pattern: "GET /sampled/{id}", rule: access.Oversee, handle: sampled, view: "PAGE_VIEW_SAMPLED"},
		{pattern: "POST /sampled/{id}", rule: access.Oversee, handle: judgeSampled},

		{pattern: "GET /team", rule: access.Oversee, handle: team, view: "PAGE_VIEW_TEAM"},
		{pattern: "GET /staff/{code}/cover", rule: access.Decide, handle: cover},
		{pattern: "POST /staff/{code}/cover", rule: access.Decide, handle: setCover},
		{pattern: "POST /covers/{id}/end", rule: access.Decide, handle: endCover},

		{pattern: "GET /trail", rule: access.ReadTrail, handle: trail, view: "PAGE_VIEW_TRAIL"},
		{pattern: "POST /trail/find", rule: access.ReadTrail, handle: lookUp, view: "PAGE_VIEW_TRAIL"},
		{pattern: "POST /trail/verify", rule: access.ReadTrail, handle: verifyTrail},
		{pattern: "GET /forces", rule: access.Operate, handle: forces},

		{pattern: "GET /find", rule: access.ReadMatches, handle: find},
		{pattern: "POST /find", rule: access.ReadMatches, handle: findNow},
		{pattern: "GET /people/{id}", rule: access.ReadMatches, handle: person, view: "PAGE_VIEW_PERSON"},
	}
	return slices.Concat(pages, d.apiRoutes(), d.apiOversight(), d.apiWork(), d.apiReports())
}

// Pages are the patterns of what a browser opens and shows: every GET but the
// API's, downloads, the stream of counts and what only leads on elsewhere. The
// tests that look at all pages take them from here, so that none is left out.
func (d *Desk) Pages() []string {
	var all []string
	for _, r := range d.routes() {
		at, is := strings.CutPrefix(r.pattern, "GET ")
		leadsOn := strings.HasPrefix(at, "/language/") || strings.HasPrefix(at, "/sign-in/")
		if is && !leadsOn && at != "/live" && !strings.HasPrefix(at, "/v1/") && !strings.HasSuffix(at, ".csv") && !strings.HasSuffix(at, ".json") {
			all = append(all, at)
		}
	}
	return all
}

// navigation is what the viewer may go to.
func (v *visit) navigation() []navItem {
	items := []struct {
		key, href string
		rule      access.Rule
	}{
		{"nav.queue", "/matches", access.JudgeMatches},
		{"nav.transfers", "/transfers", access.JudgeMatches},
		{"nav.secondlooks", "/second-looks", access.JudgeMatches},
		{"nav.duty", "/duty", access.TakeUrgent},
		{"nav.victims", "/victims", access.SupportVictims},
		{"nav.actions", "/actions", access.ReadActions},
		{"nav.team", "/team", access.Oversee},
		{"nav.countersign", "/countersign", access.Oversee},
		{"nav.escalated", "/escalated", access.Oversee},
		{"nav.oversight", "", access.Inspect},
		{"nav.trail", "/trail", access.ReadTrail},
		{"nav.forces", "/forces", access.Operate},
	}
	var nav []navItem
	for _, i := range items {
		if !i.rule.Allows(&v.me) || i.href == "/actions" && v.victimStaffOnly() {
			continue
		}
		if i.href == "" { // a group: it leads to the first of its own
			group, current := v.oversight()
			nav = append(nav, navItem{i.key, group[0].Href, current})
			continue
		}
		nav = append(nav, navItem{i.key, i.href, v.within(i.href)})
	}
	return nav
}

// oversight are the pages of one group, each of those the viewer may go to, and
// whether they are on one of them.
func (v *visit) oversight() (group []navItem, current bool) {
	for _, i := range []struct {
		key, href string
		rule      access.Rule
		also      string
	}{
		{"nav.times", "/times", access.Inspect, ""},
		{"nav.inspection", "/inspection", access.Inspect, ""},
		{"nav.samples", "/samples", access.Oversee, "/sampled"},
		{"nav.rota", "/rota", access.KeepRota, ""},
	} {
		if i.rule.Allows(&v.me) {
			here := v.within(i.href) || i.also != "" && v.within(i.also)
			current = current || here
			group = append(group, navItem{i.key, i.href, here})
		}
	}
	return group, current
}

// within reports whether a page is this one or stands above it.
func (v *visit) within(href string) bool {
	return v.URL.Path == href || strings.HasPrefix(v.URL.Path, href+"/")
}

// judges reports whether somebody judges matches at all.
func judges(a casework.Account) bool { return access.JudgeMatches.Allows(&a) }
