package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Person is somebody on the register, by number. Merges are not followed: the
// number stands for the case that it was given to.
func (db *DB) Person(ctx context.Context, id casework.PersonID) (casework.Person, error) {
	p, err := db.person(ctx, `p.id = @id`, pgx.NamedArgs{"id": id})
	if err != nil {
		return p, fmt.Errorf("read person %d: %w", id, err)
	}
	return p, nil
}

// CurrentPerson is whom a number stands for today: merges are followed.
func (db *DB) CurrentPerson(ctx context.Context, id casework.PersonID) (casework.Person, error) {
	p, err := db.person(ctx, `p.id = current_person(@id)`, pgx.NamedArgs{"id": id})
	if err != nil {
		return p, fmt.Errorf("read person %d: %w", id, err)
	}
	return p, nil
}

// PersonByCRN is whom a CRN stands for today: merges are followed.
func (db *DB) PersonByCRN(ctx context.Context, crn string) (casework.Person, error) {
	p, err := db.person(ctx, `p.id = current_person((select person from crn where crn = @crn))`, pgx.NamedArgs{"crn": crn})
	if err != nil {
		return p, fmt.Errorf("read the person of a CRN: %w", err)
	}
	return p, nil
}

func (db *DB) person(ctx context.Context, which string, args pgx.NamedArgs) (casework.Person, error) {
	var p casework.Person
	var born string
	var previous []string
	var sentenced, started, ends *time.Time
	var circumstances []byte
	err := db.pool.QueryRow(ctx, `
		select p.id, p.crn, p.surname, p.forenames, p.aliases, p.date_of_birth, p.sex,
		       p.pncs, p.cros, p.noms, p.address, p.postcode, p.previous_postcodes,
		       p.order_type, p.sentence_date, p.supervision_start, p.supervision_end,
		       p.rosh, p.mappa_category, p.mappa_level, p.registers, p.restricted,
		       p.victim_contact, p.circumstances,
		       p.pdu, p.team, p.practitioner, t.manager, p.supervised
		  from person p
		  join team t on t.code = p.team
		 where `+which, args).
		Scan(&p.ID, &p.CRN, &p.Surname, &p.Forenames, &p.Aliases, &born, &p.Sex,
			&p.PNCs, &p.CROs, &p.NOMS, &p.Address, &p.Postcode, &previous,
			&p.OrderType, &sentenced, &started, &ends,
			&p.RoSH, &p.MAPPA.Category, &p.MAPPA.Level, &p.Registers, &p.Restricted,
			&p.VictimContact, &circumstances,
			&p.PDU, &p.Team, &p.Practitioner, &p.Manager, &p.Supervised)
	if err != nil {
		return casework.Person{}, notThere(err)
	}
	p.DateOfBirth = storedDate(born)
	p.Previous = places(previous)
	p.SentenceDate, p.SupervisionStart, p.SupervisionEnd = dayOf(sentenced), dayOf(started), dayOf(ends)
	if err := json.Unmarshal(circumstances, &p.Circumstances); err != nil {
		return casework.Person{}, fmt.Errorf("the circumstances cannot be read")
	}
	return p, nil
}

func dayOf(t *time.Time) casework.Date {
	if t == nil {
		return casework.Date{}
	}
	return casework.DateOf(*t)
}
