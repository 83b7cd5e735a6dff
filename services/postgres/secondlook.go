package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// SecondLook is a grave dismissal that one person made.
type SecondLook struct {
	Match     casework.MatchID
	At        time.Time
	By        string // who dismissed it
	Band      casework.Band
	Priority  casework.Priority
	Force     string
	Reference string
	Type      string
	Person    casework.PersonID
	CRN       string
	Surname   string
	Forenames string
	RoSH      casework.RoSH
	PDUName   string
}

// SecondLooks are the grave dismissals in the viewer's PDUs that somebody other
// than them made, the oldest first.
func (db *DB) SecondLooks(ctx context.Context, viewer casework.AccountID, after Key, limit int) ([]SecondLook, error) {
	rows, _ := db.pool.Query(ctx, `
		select m.id, m.judged_at, coalesce(b.name, j.by), m.band, m.priority, i.force, i.reference, r.type,
		       p.id, p.crn, p.surname, p.forenames, p.rosh, u.name
		  from match m
		  join incident i on i.id = m.incident
		  join revision r on r.incident = m.incident and r.number = m.revision
		  join person p on p.id = current_person(m.person)
		  join pdu u on u.code = p.pdu
		  join lateral (
		         select j.by
		           from judgement j
		          where j.match = m.id
		          order by j.id desc
		          limit 1) j on true
		  left join account b on b.subject = j.by
		 where m.second_look
		   and m.state = 'dismissed'
		   and (m.judged_at, m.id) > (@at, @id)
		   and p.pdu in (
		         select g.scope
		           from account_role g
		          where g.account = @viewer
		            and g.role in ('administrator', 'head'))
		   and not exists ( -- the same eyes do not look twice
		         select 1
		           from judgement own
		           join account v on v.id = @viewer
		          where own.match = m.id
		            and own.by = v.subject)
		   and `+actionShown+`
		 order by m.judged_at, m.id
		 limit @limit`,
		pgx.NamedArgs{"viewer": viewer, "at": after.At, "id": after.ID, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SecondLook])
	if err != nil {
		return nil, fmt.Errorf("read what waits for a second look: %w", problem(err))
	}
	return all, nil
}
