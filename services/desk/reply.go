package desk

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// reasonsForDisclosure are those for which somebody may see what became of a
// disclosure, as codes.
var reasonsForDisclosure = []string{"safeguarding", "exclusion", "welfare", "referral"}

type replyPage struct {
	postgres.Told
	Person  personView
	Masked  bool
	Reasons []string
	MayRead bool
}

// reply shows what police told. What became of a disclosure is masked until
// somebody says why they need to see it.
func reply(v *visit) error { return v.replyPage(http.StatusOK) }

func (v *visit) readTold() (postgres.Told, error) {
	id, err := v.id()
	if err != nil {
		return postgres.Told{}, err
	}
	return v.DB.Told(v.Context(), v.me.ID, casework.ReplyID(id))
}

// maskedReply takes out what is masked, and says whether it did.
func (v *visit) maskedReply(t *postgres.Told) bool {
	if !t.Protected() || v.openedReply(t.ID) || t.Erased {
		return false
	}
	t.Reply = casework.Reply{}
	return true
}

func (v *visit) replyPage(status int, mistakes ...fieldError) error {
	t, err := v.readTold()
	if err != nil {
		return err
	}
	who, places, err := v.DB.PersonOnPage(v.Context(), v.me.ID, t.Person)
	if err != nil {
		return err
	}
	p := replyPage{Person: viewPerson(who, places), Reasons: reasonsForDisclosure}
	p.Masked = v.maskedReply(&t)
	p.Told = t
	p.MayRead = !p.Masked && t.ReadAt == nil && t.Newest && t.Status == casework.Live
	v.viewed("reply", t.ID, map[string]any{"person": who.ID, "masked": p.Masked})
	return v.page(status, "reply", p, mistakes...)
}

func (v *visit) openedReply(id casework.ReplyID) bool {
	return v.openedLately("reply:"+fmt.Sprint(id)) || v.openedByToken("DISCLOSURE_OPENED", "reply", fmt.Sprint(id))
}

// openReply shows what became of a disclosure for a quarter of an hour, and
// writes on the trail who asked and why before anything is shown.
func openReply(v *visit) error {
	reason := v.field("reason")
	if !slices.Contains(reasonsForDisclosure, reason) {
		return v.replyPage(http.StatusUnprocessableEntity, fieldError{"reason", "addresses.missing"})
	}
	id, err := v.openNow(reason)
	if err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/replies/%d", id), "reply.opened")
}

// openNow opens the reply that the path names.
func (v *visit) openNow(reason string) (casework.ReplyID, error) {
	t, err := v.readTold()
	if err != nil {
		return 0, err
	}
	err = v.DB.Record(v.Context(), postgres.Audit{
		Actor: v.me.Subject, What: "DISCLOSURE_OPENED", Service: "desk", SubjectType: "reply", SubjectID: fmt.Sprint(t.ID),
		Correlation: v.correlation(), Details: map[string]any{"reason": reason, "person": t.Person},
	})
	if err != nil {
		return 0, err
	}
	v.openFor("reply:" + fmt.Sprint(t.ID))
	return t.ID, nil
}

// readReply records that somebody has read what police told: opening the page
// is not enough, and what is masked has not been read.
func readReply(v *visit) error {
	id, err := v.readNow()
	if err != nil {
		return err
	}
	return v.to(fmt.Sprintf("/replies/%d", id), "reply.done")
}

func (v *visit) readNow() (casework.ReplyID, error) {
	t, err := v.readTold()
	if err != nil {
		return 0, err
	}
	if t.ReadAt == nil && (v.maskedReply(&t) || !t.Newest || t.Status != casework.Live) {
		return 0, casework.ErrChanged
	}
	return t.ID, v.DB.ReadReply(v.Context(), v.me, t.ID, v.correlation())
}
