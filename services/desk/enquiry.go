package desk

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// enquiriesView is what police were asked about somebody, and what they told
// besides incidents. What became of a disclosure is not in it.
type enquiriesView struct {
	Enquiries []postgres.Enquiry
	Told      []postgres.Told
	Ask       casework.MatchID // on whose page something can be asked; 0 where nothing can
}

func (v *visit) enquiriesAbout(person casework.PersonID, ask casework.MatchID) (enquiriesView, error) {
	all := enquiriesView{Ask: ask}
	var err error
	if all.Enquiries, err = v.DB.Enquiries(v.Context(), v.me.ID, person, 50); err != nil {
		return all, err
	}
	all.Told, err = v.DB.ToldOf(v.Context(), v.me.ID, person, 50)
	for i := range all.Told {
		all.Told[i].Reply = casework.Reply{} // what they say is on their own page
	}
	return all, err
}

type enquiryPage struct {
	postgres.Enquiry
	Told   []postgres.Told
	Person personView
}

// enquiry shows what was asked, and where it stands.
func enquiry(v *visit) error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p := enquiryPage{}
	if p.Enquiry, err = v.DB.Enquiry(v.Context(), v.me.ID, casework.EnquiryID(id)); err != nil {
		return err
	}
	who, places, err := v.DB.PersonOnPage(v.Context(), v.me.ID, p.Enquiry.Person)
	if err != nil {
		return err
	}
	p.Person = viewPerson(who, places)
	if p.Told, err = v.answersTo(p.Enquiry); err != nil {
		return err
	}
	v.viewed("enquiry", id, map[string]any{"person": who.ID, "match": p.Match})
	return v.page(http.StatusOK, "enquiry", p)
}

// answersTo are the replies to an enquiry, without what they say.
func (v *visit) answersTo(e postgres.Enquiry) ([]postgres.Told, error) {
	all, err := v.DB.ToldOf(v.Context(), v.me.ID, e.Person, 200)
	var answers []postgres.Told
	for _, t := range all {
		if t.Enquiry == e.ID {
			t.Reply = casework.Reply{}
			answers = append(answers, t)
		}
	}
	return answers, err
}
