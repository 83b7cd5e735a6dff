package simulator

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/reportable-incidents/reportable/services/casework"
)

// extractColumns are those of the case record's extract.
var extractColumns = words(`crn noms pnc cro surname forenames aliases date_of_birth sex address postcode previous_postcodes
pdu_code pdu team_code team practitioner_code practitioner manager_code manager
order_type sentence_date supervision_start supervision_end rosh mappa registers restricted victim_contact staff_email_domain`)

// WriteExtract writes the caseload as the case record's extract has it, and
// tells now and then how many people it has written.
func (w World) WriteExtract(to io.Writer, progress func(people int)) error {
	out := csv.NewWriter(to)
	if err := out.Write(extractColumns); err != nil {
		return err
	}
	record := make([]string, 0, len(extractColumns))
	for number := range w.People {
		p := w.Person(number)
		record = append(record[:0], extractRecord(&p)...)
		if err := out.Write(record); err != nil {
			return err
		}
		if progress != nil && number%1000 == 999 {
			progress(number + 1)
		}
	}
	out.Flush()
	return out.Error()
}

func extractRecord(p *casework.CaseRow) []string {
	previous := make([]string, len(p.Previous))
	for i, place := range p.Previous {
		previous[i] = place.Postcode
	}
	mappa := ""
	if p.MAPPA.Category > 0 {
		mappa = fmt.Sprintf("%d/%d", p.MAPPA.Category, p.MAPPA.Level)
	}
	restricted := "N"
	if p.Restricted {
		restricted = "Y"
	}
	list := func(s []string) string { return strings.Join(s, "|") }
	return []string{
		p.CRN, p.NOMS, list(p.PNCs), list(p.CROs), p.Surname, p.Forenames, list(p.Aliases), p.DateOfBirth.String(), string(p.Sex),
		p.Address, p.Postcode, list(previous),
		p.PDU, p.PDUName, p.Team, p.TeamName, p.Practitioner, p.PractitionerName, p.Manager, p.ManagerName,
		p.OrderType, p.SentenceDate.String(), p.SupervisionStart.String(), p.SupervisionEnd.String(),
		string(p.RoSH), mappa, list(p.Registers), restricted, p.VictimContact, p.EmailDomain,
	}
}
