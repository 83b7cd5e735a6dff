package notifier

import (
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Targets are by when matches of each priority are to have come to the stages
// that a policy sets a clock for, in one PDU; with none, where no PDU has clocks
// of its own. That a match is found within a second of its receipt is the
// product's own promise.
func (p *Policy) Targets(pdu string) []casework.Target {
	rules, calendar := p.in(pdu)
	var all []casework.Target
	for _, priority := range []casework.Priority{casework.Urgent, casework.High, casework.Standard} {
		all = append(all, casework.Target{Stage: casework.StageMatch, Priority: priority, Within: time.Second, Elapsed: true})
		for _, r := range rules {
			clock, ok := r.Clock[priority]
			if !ok {
				continue
			}
			add := func(stage casework.Stage, s Span) {
				all = append(all, casework.Target{Stage: stage, Priority: priority, Within: s.length(calendar), Elapsed: s.Elapsed})
			}
			switch r.Name {
			case AcknowledgeMatch:
				add(casework.StageAcknowledgement, clock.Acknowledge)
			case "transfer_match":
				add(casework.StageTransfer, clock.Decide)
			case ReviewIncident:
				add(casework.StageFirstAction, clock.Acknowledge)
				add(casework.StageConsultation, clock.Decide)
				add(casework.StageDecision, clock.Decide)
			case "countersign_decision":
				add(casework.StageCountersignature, clock.Decide)
			}
		}
	}
	return all
}
