package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// Asks puts a question to a force, because of an incident that somebody was in.
func (k Worker) Asks(force, reference string, who Person, question string) casework.EnquiryID {
	k.Helper()
	id, err := k.DB.Ask(context.Background(), postgres.NewEnquiry{Match: k.matchID(reference, who), Force: force, Purpose: casework.PurposeRisk,
		From: casework.DateOf(k.Now().AddDate(0, -1, 0)), To: casework.DateOf(k.Now()), Question: question, By: k.Account})
	if err != nil {
		k.Fatal(err)
	}
	return id
}

// Reads opens what police told about somebody, and says so. It returns their words.
func (k Worker) Reads(who Person) (all []string) {
	k.Helper()
	p, err := k.DB.PersonByCRN(context.Background(), who.CRN)
	if err != nil {
		k.Fatal(err)
	}
	told, err := k.DB.ToldOf(context.Background(), k.Account.ID, p.ID, 100)
	if err != nil {
		k.Fatal(err)
	}
	for _, t := range told {
		if err := k.DB.ReadReply(context.Background(), k.Account, t.ID, ""); err != nil {
			k.Fatal(err)
		}
		all = append(all, t.Reply.Text)
	}
	return all
}

// Fetches gives what the force is asked, and says that the force has it.
func (p Police) Fetches() []casework.EnquiryOut {
	p.Helper()
	all, err := p.DB.EnquiriesFor(context.Background(), p.Force, false, 100, "")
	if err != nil {
		p.Fatal(err)
	}
	for _, e := range all {
		if err := p.DB.TakeEnquiry(context.Background(), p.Force, e.ID, ""); err != nil {
			p.Fatal(err)
		}
	}
	return all
}

// Answers replies to an enquiry. It has to be accepted.
func (p Police) Answers(enquiry casework.EnquiryOut, reference, text string) {
	p.Helper()
	body, err := json.Marshal(casework.Reply{Force: p.Force, Reference: reference, Revision: 1, Status: casework.Live,
		Kind: casework.KindEnquiryReply, Enquiry: enquiry.ID, Answer: "information", Text: text, RepliedAt: p.Now().Truncate(time.Second)})
	if err != nil {
		p.Fatal(err)
	}
	in := feed.Intake{Ledger: feed.Replies(p.DB), Now: p.Now}
	receipt, err := in.Take(context.Background(), feed.Submission{Force: p.Force, Channel: casework.ChannelCommandLine},
		canonical.NewReplies(bytes.NewReader(body), canonical.Auto, p.rules()))
	if err != nil || receipt.Accepted != 1 {
		p.Fatalf("the reply was not accepted: %v", err)
	}
}
