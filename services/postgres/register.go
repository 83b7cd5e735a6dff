package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// lookBack is how long after supervision ended a person is still read into the
// matcher's register, in days before the latest extract. It is longer than the
// 60 working days in which new matches may be made at most, whatever holidays
// fall in them; the matcher looks at each incident's own time.
const lookBack = 100

// Register is the state of the register as a whole.
type Register struct {
	Version     int64
	ExtractDate casework.Date // of the last complete extract; zero before the first
	ImportedAt  time.Time
	Supervised  int
}

// RegisterVersion is the number of the register's present version. It grows by
// one with each import, merge or unmerge that changes anything.
func (db *DB) RegisterVersion(ctx context.Context) (int64, error) {
	var version int64
	err := db.pool.QueryRow(ctx, `
		select version
		  from register`).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read the register's version: %w", problem(err))
	}
	return version, nil
}

// Register says where the register stands.
func (db *DB) Register(ctx context.Context) (Register, error) {
	var r Register
	var date, imported *time.Time
	err := db.pool.QueryRow(ctx, `
		select r.version,
		       r.extract_date,
		       r.imported_at,
		       (select count(*) from person where supervised)
		  from register r`).Scan(&r.Version, &date, &imported, &r.Supervised)
	if err != nil {
		return Register{}, fmt.Errorf("read the register: %w", problem(err))
	}
	if date != nil {
		r.ExtractDate = casework.DateOf(*date)
	}
	if imported != nil {
		r.ImportedAt = *imported
	}
	return r, nil
}

// registerColumns are those that scanRegisterPerson reads.
const registerColumns = `
	p.id, p.crn, p.surname, p.forenames, p.aliases, p.date_of_birth, p.sex,
	p.pncs, p.cros, p.noms, p.address, p.postcode, p.previous_postcodes,
	p.supervised, p.ended_at,
	not (p.merged_into is null
	     and (p.supervised or coalesce(p.ended_at > r.extract_date - @lookBack::integer, false)))`

// RegisterPeople gives everyone whom an incident may concern: under supervision,
// or ended within the last 100 days before the latest extract, and not merged
// into another. All are of one version, which is returned. The identity that
// give gets is its own to keep.
func (db *DB) RegisterPeople(ctx context.Context, give func(casework.RegisterPerson) error) (int64, error) {
	return db.readRegister(ctx, `
		select`+registerColumns+`
		  from person p
		 cross join register r
		 where p.merged_into is null
		   and (p.supervised or p.ended_at > r.extract_date - @lookBack::integer)
		 order by p.id`, 0, give)
}

// PeopleChangedSince gives everyone whose identity or supervision has changed
// since a version of the register, those who are gone included, and returns the
// version up to which it has told.
func (db *DB) PeopleChangedSince(ctx context.Context, version int64, give func(casework.RegisterPerson) error) (int64, error) {
	return db.readRegister(ctx, `
		select`+registerColumns+`
		  from person p
		 cross join register r
		 where p.changed_version > @since
		 order by p.id`, version, give)
}

func (db *DB) readRegister(ctx context.Context, query string, since int64, give func(casework.RegisterPerson) error) (int64, error) {
	var version int64
	// One snapshot for the version and the people.
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	var stopped error
	err := pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, `select version from register`).Scan(&version); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, query, pgx.NamedArgs{"since": since, "lookBack": lookBack})
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			p, err := scanRegisterPerson(rows)
			if err != nil {
				return err
			}
			if stopped = give(p); stopped != nil {
				return stopped
			}
		}
		return rows.Err()
	})
	if stopped != nil {
		return 0, stopped
	}
	if err != nil {
		return 0, fmt.Errorf("read the people on the register: %w", problem(err))
	}
	return version, nil
}

func scanRegisterPerson(rows pgx.Rows) (casework.RegisterPerson, error) {
	var p casework.RegisterPerson
	var born string
	var previous []string
	var supervised bool
	var ended *time.Time
	err := rows.Scan(&p.ID, &p.CRN, &p.Surname, &p.Forenames, &p.Aliases, &born, &p.Sex,
		&p.PNCs, &p.CROs, &p.NOMS, &p.Address, &p.Postcode, &previous,
		&supervised, &ended, &p.Gone)
	if err != nil {
		return p, err
	}
	p.DateOfBirth = storedDate(born)
	p.Previous = places(previous)
	if !supervised && ended != nil {
		p.EndedAt = *ended
	}
	return p, nil
}

// storedDate reads a date that was checked when it was stored.
func storedDate(s string) casework.Date {
	if s == "" {
		return casework.Date{}
	}
	d, err := casework.ParseDate(s)
	if err != nil {
		return casework.Date{}
	}
	return d
}

// places are the previous ones, of which the register keeps the postcodes.
func places(postcodes []string) []casework.Place {
	if len(postcodes) == 0 {
		return nil
	}
	all := make([]casework.Place, len(postcodes))
	for i, p := range postcodes {
		all[i].Postcode = p
	}
	return all
}

// notThere turns a missing row into casework.ErrNotFound.
func notThere(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return casework.ErrNotFound
	}
	return problem(err)
}

func isNotThere(err error) bool { return errors.Is(err, casework.ErrNotFound) }

// CaseloadChanges gives how people changed with a version of the register: those
// whose case a viewer may see, or for no viewer everybody.
func (db *DB) CaseloadChanges(ctx context.Context, viewer casework.AccountID, version int64, give func(crn string, change casework.CaseloadChange) error) error {
	rows, err := db.pool.Query(ctx, `
		select p.crn, c.change
		  from person_change c
		  join person p on p.id = c.person
		 where c.version = @version
		   and (@viewer::bigint = 0 or works_on_case(@viewer, p.id) and visible(@viewer, p.id))
		 order by c.change, p.crn`, pgx.NamedArgs{"viewer": viewer, "version": version})
	if err != nil {
		return fmt.Errorf("read the changes of version %d: %w", version, problem(err))
	}
	var crn string
	var change casework.CaseloadChange
	if _, err := pgx.ForEachRow(rows, []any{&crn, &change}, func() error { return give(crn, change) }); err != nil {
		return fmt.Errorf("read the changes of version %d: %w", version, problem(err))
	}
	return nil
}

// InPDU is how many people and staff a PDU has.
type InPDU struct {
	Code          string `json:"code"`
	Name          string `json:"name"`
	Supervised    int    `json:"supervised"`
	Teams         int    `json:"teams"`
	Practitioners int    `json:"practitioners"`
}

// SupervisedByPDU counts people under supervision and those who have them.
func (db *DB) SupervisedByPDU(ctx context.Context) ([]InPDU, error) {
	rows, err := db.pool.Query(ctx, `
		select u.code,
		       u.name,
		       count(p.id)::integer as supervised,
		       count(distinct p.team)::integer as teams,
		       (count(distinct p.practitioner) filter (where p.practitioner <> ''))::integer as practitioners
		  from pdu u
		  left join person p on p.pdu = u.code and p.supervised
		 group by u.code
		 order by u.name`)
	if err != nil {
		return nil, fmt.Errorf("count by PDU: %w", problem(err))
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[InPDU])
	if err != nil {
		return nil, fmt.Errorf("count by PDU: %w", problem(err))
	}
	return all, nil
}

// Import is one extract that was taken in.
type Import struct {
	Kind        casework.ExtractKind            `json:"kind"`
	ExtractDate casework.Date                   `json:"extractDate"`
	Version     int64                           `json:"registerVersion"`
	Rows        int                             `json:"rows"`
	Rejected    int                             `json:"rejected"`
	Changes     map[casework.CaseloadChange]int `json:"changes"`
	At          time.Time                       `json:"at"`
}

// LatestImports are the last extracts that were taken in, the newest first.
func (db *DB) LatestImports(ctx context.Context, n int) ([]Import, error) {
	rows, err := db.pool.Query(ctx, `
		select kind, extract_date, version, rows, rejected, changes, at
		  from caseload_import
		 order by id desc
		 limit @n`, pgx.NamedArgs{"n": n})
	if err != nil {
		return nil, fmt.Errorf("read the imports: %w", problem(err))
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Import, error) {
		var i Import
		var date time.Time
		err := row.Scan(&i.Kind, &date, &i.Version, &i.Rows, &i.Rejected, &i.Changes, &i.At)
		i.ExtractDate = casework.DateOf(date)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the imports: %w", problem(err))
	}
	return all, nil
}
