package grafana

import "fmt"

// Dashboards are those that ship.
func Dashboards() []Dashboard { return []Dashboard{operations, response, forces} }

const (
	byPDU      = `{pdu=~"$pdu",priority=~"$priority"}`
	actionsOf  = `max by (owner_role, priority, pdu) (reportable_actions_%s` + byPDU + `)`
	everywhere = `max by (owner_role, priority, pdu) (reportable_actions_%s)`
)

// quantile is how long a share of what came to an end took.
func quantile(q float64, metric, by, labels, over string) string {
	function := "rate"
	if over == "$__range" {
		function = "increase"
	}
	return fmt.Sprintf("histogram_quantile(%v, sum by (%s, le) (%s(%s_bucket%s[%s])))", q, by, function, metric, labels, over)
}

const now = "$__rate_interval"

var operations = Dashboard{
	File: "operations.json", UID: "reportable-operations", Title: "Reportable: operations", Range: "6h",
	About: "Is everything accounted for, does everything move, is anybody left waiting. It names nobody.",
	Panels: []Panel{
		{Kind: Figure, Title: "Unaccounted for", About: "What independent joins over the ledger find wrong. It is 0.", Unit: "none", Width: 4, Bad: 1,
			Lines: []Line{{"max(reportable_unaccounted_incidents)", ""}}},
		{Kind: Figure, Title: "In quarantine", About: "What waits for a hand: reportable quarantine list.", Unit: "none", Width: 4, Bad: 1,
			Lines: []Line{{"max(reportable_quarantined_incidents)", ""}}},
		{Kind: Figure, Title: "In flight", About: "Accepted, and not matched yet.", Unit: "none", Width: 4, Bad: 1000,
			Lines: []Line{{"max(reportable_in_flight_incidents)", ""}}},
		{Kind: Figure, Title: "Steps missed", About: "Escalations whose time passed over a minute ago. It is 0.", Unit: "none", Width: 4, Bad: 1,
			Lines: []Line{{"max(reportable_escalations_missed)", ""}}},
		{Kind: Figure, Title: "Silent or unseen", About: "Open actions that nobody would hear of again, or that nobody who owns them may see. It is 0.", Unit: "none", Width: 4, Bad: 1,
			Lines: []Line{{"max(reportable_actions_silent) + max(reportable_unseen_actions)", ""}}},
		{Kind: Figure, Title: "Bank holidays are known until", About: "After it only weekends are known.", Unit: "dateTimeFromNow", Width: 4,
			Lines: []Line{{"1000 * min(reportable_holidays_until_timestamp_seconds)", ""}}},
		{Kind: Graph, Title: "Escalations, and how late half and all but one in a hundred were", About: "The mark for the latter is ten seconds.", Unit: "s", Width: 12, Bad: 30,
			Lines: []Line{{`histogram_quantile(0.5, sum by (le) (rate(reportable_escalation_lateness_seconds_bucket[$__rate_interval])))`, "half"},
				{`histogram_quantile(0.99, sum by (le) (rate(reportable_escalation_lateness_seconds_bucket[$__rate_interval])))`, "all but one in a hundred"}}},
		{Kind: Graph, Title: "Steps taken, by who was told", About: "Because an action was left alone.", Unit: "cps", Width: 12,
			Lines: []Line{{`sum by (told, kind) (rate(reportable_escalations_total[$__rate_interval]))`, "{{told}}, {{kind}}"}}},
		{Kind: Graph, Title: "Messages outside the desk, by what became of them", About: "Sent, delivered, failed: by e-mail, GOV.UK Notify and webhook.", Unit: "cps", Width: 12,
			Lines: []Line{{`sum by (channel, outcome) (rate(reportable_deliveries_total[$__rate_interval]))`, "{{channel}}, {{outcome}}"}}},
		{Kind: Graph, Title: "What happened to actions", About: "Raised, reassigned, reopened, done, closed.", Unit: "cps", Width: 12,
			Lines: []Line{{`sum by (what) (rate(reportable_action_changes_total[$__rate_interval]))`, "{{what}}"}}},
		{Kind: Graph, Title: "Events published", About: "By subject.", Unit: "cps", Width: 8,
			Lines: []Line{{`sum by (subject) (rate(reportable_stream_published_total[$__rate_interval]))`, "{{subject}}"}}},
		{Kind: Graph, Title: "Events handled, by outcome", About: "What is not handled is tried again, and then quarantined.", Unit: "cps", Width: 8,
			Lines: []Line{{`sum by (stage, outcome) (rate(reportable_stream_handled_total[$__rate_interval]))`, "{{stage}}, {{outcome}}"}}},
		{Kind: Graph, Title: "Requests: nineteen of twenty were quicker", About: "By service.", Unit: "s", Width: 8,
			Lines: []Line{{quantile(0.95, "reportable_http_seconds", "service", "", now), "{{service}}"}}},
		{Kind: Graph, Title: "Rounds of work that failed, and what the sweeper found", About: "The sweeper works when events do not come.", Unit: "cps", Width: 12,
			Lines: []Line{{`sum by (work) (rate(reportable_notifier_failures_total[$__rate_interval]))`, "{{work}} failed"}, {`sum(rate(reportable_notifier_swept_total[$__rate_interval]))`, "swept"}}},
		{Kind: Graph, Title: "Open actions, by owner", About: "Everywhere.", Unit: "none", Width: 12,
			Lines: []Line{{fmt.Sprintf(`sum by (owner_role) (`+everywhere+`)`, "open"), "{{owner_role}}"}}},
	},
}

var response = Dashboard{
	File: "response.json", UID: "reportable-response", Title: "Reportable: from receipt to decision", Range: "7d",
	About: "How long it took until somebody acknowledged, consulted and decided, by PDU, and what is left undone.",
	Pick: []Pick{
		{"pdu", "PDU", "reportable_response_seconds_count"},
		{"priority", "Priority", "reportable_response_seconds_count"},
	},
	Panels: []Panel{
		{Kind: Figure, Title: "Open actions", About: "They ask something of their owner.", Unit: "none", Width: 6,
			Lines: []Line{{fmt.Sprintf("sum("+actionsOf+")", "open"), ""}}},
		{Kind: Figure, Title: "Overdue actions", About: "Their next deadline has passed.", Unit: "none", Width: 6, Bad: 1,
			Lines: []Line{{fmt.Sprintf("sum("+actionsOf+")", "overdue"), ""}}},
		{Kind: Figure, Title: "Oldest open action", About: "Since it was raised.", Unit: "s", Width: 6,
			Lines: []Line{{"max(reportable_actions_oldest_seconds" + byPDU + ")", ""}}},
		{Kind: Figure, Title: "Decided in time today", About: "Nine in ten are to be.", Unit: "percentunit", Width: 6, Good: 0.9,
			Lines: []Line{{`sum(reportable:answered_in_time:rate1d{stage="decision",pdu=~"$pdu",priority=~"$priority"}) / sum(reportable:answered:rate1d{stage="decision",pdu=~"$pdu",priority=~"$priority"})`, ""}}},
		{Kind: Graph, Title: "Acknowledged in time, by PDU and priority", About: "Of the last day, against the times of the shipped policy.", Unit: "percentunit", Width: 12, Good: 0.9,
			Lines: []Line{{`reportable:in_time:ratio1d{stage="acknowledgement",pdu=~"$pdu",priority=~"$priority"}`, "{{pdu}}, {{priority}}"}}},
		{Kind: Graph, Title: "Decided in time, by PDU and priority", About: "Of the last day, against the times of the shipped policy.", Unit: "percentunit", Width: 12, Good: 0.9,
			Lines: []Line{{`reportable:in_time:ratio1d{stage="decision",pdu=~"$pdu",priority=~"$priority"}`, "{{pdu}}, {{priority}}"}}},
		{Kind: Graph, Title: "Half were quicker than this, as the clock goes", About: "Each stage from occurred to countersigned.", Unit: "s", Width: 12,
			Lines: []Line{{quantile(0.5, "reportable_response_seconds", "stage", byPDU, now), "{{stage}}"}}},
		{Kind: Graph, Title: "Half were quicker than this, in working time", About: "Each stage from occurred to countersigned.", Unit: "s", Width: 12,
			Lines: []Line{{quantile(0.5, "reportable_response_working_seconds", "stage", byPDU, now), "{{stage}}"}}},
		{Kind: Graph, Title: "Nine of ten were quicker than this, as the clock goes", About: "Each stage from occurred to countersigned.", Unit: "s", Width: 12,
			Lines: []Line{{quantile(0.9, "reportable_response_seconds", "stage", byPDU, now), "{{stage}}"}}},
		{Kind: Graph, Title: "Nine of ten were quicker than this, in working time", About: "Each stage from occurred to countersigned.", Unit: "s", Width: 12,
			Lines: []Line{{quantile(0.9, "reportable_response_working_seconds", "stage", byPDU, now), "{{stage}}"}}},
		{Kind: Bars, Title: "Matched to first action, by PDU, in working time", About: "Half were quicker, in the time that is shown.", Unit: "s", Width: 8,
			Lines: []Line{{quantile(0.5, "reportable_response_working_seconds", "pdu", `{stage="first_action",pdu=~"$pdu",priority=~"$priority"}`, "$__range"), "{{pdu}}"}}},
		{Kind: Bars, Title: "Matched to manager consulted, by PDU, in working time", About: "Half were quicker, in the time that is shown.", Unit: "s", Width: 8,
			Lines: []Line{{quantile(0.5, "reportable_response_working_seconds", "pdu", `{stage="consultation",pdu=~"$pdu",priority=~"$priority"}`, "$__range"), "{{pdu}}"}}},
		{Kind: Bars, Title: "Matched to decision, by PDU, in working time", About: "Half were quicker, in the time that is shown.", Unit: "s", Width: 8,
			Lines: []Line{{quantile(0.5, "reportable_response_working_seconds", "pdu", `{stage="decision",pdu=~"$pdu",priority=~"$priority"}`, "$__range"), "{{pdu}}"}}},
		{Kind: Graph, Title: "Overdue actions, by PDU", About: "Their next deadline has passed.", Unit: "none", Width: 12,
			Lines: []Line{{fmt.Sprintf("sum by (pdu) ("+actionsOf+")", "overdue"), "{{pdu}}"}}},
		{Kind: Graph, Title: "Overdue actions, by owner", About: "Whose they are.", Unit: "none", Width: 12,
			Lines: []Line{{fmt.Sprintf("sum by (owner_role) ("+actionsOf+")", "overdue"), "{{owner_role}}"}}},
		{Kind: Graph, Title: "Open actions, by owner", About: "Whose they are.", Unit: "none", Width: 12,
			Lines: []Line{{fmt.Sprintf("sum by (owner_role) ("+actionsOf+")", "open"), "{{owner_role}}"}}},
		{Kind: Graph, Title: "The oldest open action, by owner", About: "Since it was raised.", Unit: "s", Width: 12,
			Lines: []Line{{"max by (owner_role) (reportable_actions_oldest_seconds" + byPDU + ")", "{{owner_role}}"}}},
	},
}

const force = `{force=~"$force"}`

var forces = Dashboard{
	File: "forces.json", UID: "reportable-forces", Title: "Reportable: health of the forces", Range: "24h",
	About: "Does each force send, in time and well; and does it take its watch list.",
	Pick:  []Pick{{"force", "Force", "reportable_incidents_total"}},
	Panels: []Panel{
		{Kind: Bars, Title: "Nothing has been heard for", About: "Beside its usual pause, below.", Unit: "s", Width: 8,
			Lines: []Line{{"time() - max by (force) (reportable_feed_last_heard_timestamp_seconds" + force + ")", "{{force}}"}}},
		{Kind: Bars, Title: "The pause that is usual", About: "A force is silent after three times this.", Unit: "s", Width: 8,
			Lines: []Line{{"max by (force) (reportable_feed_rhythm_seconds" + force + ")", "{{force}}"}}},
		{Kind: Bars, Title: "Revisions of two contents", About: "Which is right is for the force to say.", Unit: "none", Width: 8, Bad: 1,
			Lines: []Line{{"max by (force) (reportable_feed_conflicts" + force + ")", "{{force}}"}}},
		{Kind: Graph, Title: "Records, by answer", About: "Accepted, duplicate, rejected, conflict.", Unit: "cps", Width: 12,
			Lines: []Line{{"sum by (force, disposition) (rate(reportable_incidents_total" + force + "[$__rate_interval]))", "{{force}}, {{disposition}}"}}},
		{Kind: Graph, Title: "Share of records that are rejected", About: "One in ten is an alarm.", Unit: "percentunit", Width: 12, Bad: 0.1,
			Lines: []Line{{`sum by (force) (rate(reportable_incidents_total{force=~"$force",disposition=~"rejected|conflict"}[$__rate_interval])) / sum by (force) (rate(reportable_incidents_total{force=~"$force"}[$__rate_interval]))`, "{{force}}"}}},
		{Kind: Graph, Title: "How old half of it is when it comes", About: "Reported to received.", Unit: "s", Width: 12, Bad: 4 * 3600,
			Lines: []Line{{quantile(0.5, "reportable_feed_lag_seconds", "force", force, now), "{{force}}"}}},
		{Kind: Graph, Title: "What is wrong with records", About: "By code; the force has it on its receipts.", Unit: "cps", Width: 12,
			Lines: []Line{{"sum by (force, code) (rate(reportable_feed_problems_total" + force + "[$__rate_interval]))", "{{force}}, {{code}}"}}},
		{Kind: Graph, Title: "Requests refused", About: "A key that has expired, too much at once, a wrong format.", Unit: "cps", Width: 12,
			Lines: []Line{{"sum by (force, reason) (rate(reportable_feed_requests_refused_total" + force + "[$__rate_interval]))", "{{force}}, {{reason}}"}}},
		{Kind: Graph, Title: "What becomes of the incidents", About: "Matched, unmatched, withdrawn, superseded, quarantined.", Unit: "cps", Width: 12,
			Lines: []Line{{"sum by (force, disposition) (rate(reportable_settled_total" + force + "[$__rate_interval]))", "{{force}}, {{disposition}}"}}},
		{Kind: Graph, Title: "People on the watch list, and those the force has confirmed", About: "Whom it is told of.", Unit: "none", Width: 12,
			Lines: []Line{{"max by (force) (reportable_watchlist_people" + force + ")", "{{force}}"}, {"max by (force) (reportable_watchlist_confirmed_people" + force + ")", "{{force}}, confirmed"}}},
		{Kind: Graph, Title: "Endings that the force has not confirmed", About: "Somebody whose supervision has ended must not stay on a list.", Unit: "none", Width: 12, Bad: 1,
			Lines: []Line{{"max by (force) (reportable_watchlist_unconfirmed_endings" + force + ")", "{{force}}"}}},
	},
}
