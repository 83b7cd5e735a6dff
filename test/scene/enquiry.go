package scene

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// TheirWords are what police told in a reply.
const TheirWords = "Two call-outs to the address of Nesta Nearby."

// Ask has somebody ask South Wales about the person of a match.
func (s *Scene) Ask(who string, m casework.MatchID, purpose casework.Purpose) casework.EnquiryID {
	s.Helper()
	id, err := s.DB.Ask(s.Context(), postgres.NewEnquiry{Match: m, Force: "62", Purpose: purpose,
		From: casework.DateOf(s.Now.AddDate(0, 0, -90)), To: casework.DateOf(s.Now), Question: "Any call-outs, and who was there?",
		By: s.Accounts[who]})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

// Told has the force answer an enquiry: with the outcome of the disclosure that
// was applied for, or with its words.
func (s *Scene) Told(id casework.EnquiryID) casework.ReplyID {
	s.Helper()
	s.n++
	purpose := one[casework.Purpose](s, `select purpose from enquiry where id = @id`, pgx.NamedArgs{"id": id})
	r := casework.Reply{Force: "62", Reference: fmt.Sprintf("T-%d", s.n), Revision: 1, Status: casework.Live, Kind: casework.KindEnquiryReply,
		Enquiry: one[string](s, `select number::text from enquiry where id = @id`, pgx.NamedArgs{"id": id}),
		Answer:  "information", Text: TheirWords, Incidents: []string{"18000006120"}, RepliedAt: s.Now}
	if purpose == casework.PurposeDisclosure {
		r.Kind, r.Answer, r.Text, r.Incidents, r.RepliedAt = casework.KindDisclosureOutcome, "", "", nil, time.Time{}
		r.Outcome, r.DecidedOn, r.DecidedBy = "disclosed", casework.DateOf(s.Now), "panel"
	}
	body, err := json.Marshal(r)
	if err != nil {
		s.Fatal(err)
	}
	digest := sha256.Sum256(body)
	lines, err := s.DB.AcceptReplies(s.Context(), casework.Batch{
		Receipt: &casework.Receipt{ID: fmt.Sprintf("00000000-0000-0000-0001-%012d", s.n), Force: "62", Channel: casework.ChannelHTTP, ReceivedAt: s.Now},
		Last:    true,
		Entries: []casework.Entry{{Line: 1, Body: body, Digest: digest[:], Record: casework.Record{Number: 1, Reply: &r,
			Incident: casework.Incident{Force: r.Force, Reference: r.Reference, Revision: 1, Status: r.Status, Kind: r.Kind}}}},
	}, postgres.ReplyProblems{})
	if err != nil || lines[0].Status != casework.LineAccepted {
		s.Fatalf("the force's reply was not accepted: %v", err)
	}
	return lines[0].Reply
}
