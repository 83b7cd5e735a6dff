package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// ErrKeyTaken says that another submission has been answered, or is being
// answered, under the same idempotency key.
var ErrKeyTaken = errors.New("the idempotency key is taken")

// Accept takes a batch of a submission into the ledger and answers for each of
// its entries. It is one transaction: when Accept returns without an error,
// what it calls accepted is committed, with its events; otherwise nothing is.
//
// The same revision again is a duplicate, with another digest a conflict, which
// is kept aside. A revision newer than all others becomes the incident's head
// and supersedes them; one that comes late is filed as superseded. conflict is
// the problem that a line is given whose revision is taken.
func (db *DB) Accept(ctx context.Context, b casework.Batch, conflict casework.Problem) ([]casework.ReceiptLine, error) {
	a := accepting{batch: b, conflict: conflict}
	var err error
	for range 3 { // a deadlock is nobody's fault, and passes
		if err = a.run(ctx, db); codeOf(err) != "40P01" {
			break
		}
	}
	if err = problem(err); err != nil {
		var data *dataError
		if errors.As(err, &data) && data.pg.ConstraintName == "receipt_force_idempotency_key_key" {
			return nil, ErrKeyTaken
		}
		return nil, fmt.Errorf("accept %d records of force %s: %w", len(b.Entries), b.Receipt.Force, err)
	}
	return a.lines, nil
}

// accepting is one transaction of Accept. It takes two round trips: one begins,
// locks and looks up, the other writes and commits. A force waits for as long
// as they take, and so does everybody who wants the same incident.
type accepting struct {
	batch    casework.Batch
	conflict casework.Problem

	incidents map[string]*locked
	lines     []casework.ReceiptLine
	fresh     []filing // revisions to insert
	aside     []filing // conflicts to keep
	redacted  int
}

// locked is an incident that this transaction holds.
type locked struct {
	id      casework.IncidentID
	head    int
	old     bool           // it was there before this batch
	digests map[int][]byte // number → digest, of the revisions asked about
}

// filing is an entry with the incident it belongs to.
type filing struct {
	entry    *casework.Entry
	incident *locked
}

// run is one try.
func (a *accepting) run(ctx context.Context, db *DB) error {
	a.fresh, a.aside, a.redacted = nil, nil, 0
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// A connection that is left in a transaction is closed, not used again. So
	// is one that was lost, and with it whatever was not committed.
	defer conn.Release()
	if err = a.lock(ctx, conn); err == nil {
		a.judge()
		err = a.write(ctx, conn)
	}
	if err != nil && !conn.Conn().IsClosed() {
		_, _ = conn.Exec(ctx, "rollback") // Release tells whether it worked
	}
	return err
}

// valid entries are those that the feed found nothing wrong with.
func valid(e *casework.Entry) bool { return len(e.Record.Problems) == 0 }

// lock inserts the incidents that are new, takes the locks of all, and looks up
// the revisions that are there already, in one round trip.
func (a *accepting) lock(ctx context.Context, conn *pgxpool.Conn) error {
	heads := make(map[string]int)
	var references []string
	var numbers []int
	for n := range a.batch.Entries {
		e := &a.batch.Entries[n]
		if !valid(e) {
			continue
		}
		i := &e.Record.Incident
		references, numbers = append(references, i.Reference), append(numbers, i.Revision)
		heads[i.Reference] = max(heads[i.Reference], i.Revision)
	}
	var q pgx.Batch
	q.Queue("begin")
	a.incidents = make(map[string]*locked, len(heads))
	if len(heads) == 0 {
		return conn.SendBatch(ctx, &q).Close()
	}
	// Sorted, so that two batches with the same new incidents wait for one
	// another in one direction only.
	keys := make([]string, 0, len(heads))
	for reference := range heads {
		keys = append(keys, reference)
	}
	slices.Sort(keys)
	news := make([]int, len(keys))
	for n, reference := range keys {
		news[n] = heads[reference]
	}
	args := pgx.NamedArgs{"force": a.batch.Receipt.Force, "keys": keys, "heads": news,
		"references": references, "numbers": numbers}

	// A plan made while a table was small is kept until somebody has analyzed
	// it. A probe by key must not turn into a scan of the table, nor of a copy
	// of it, as it grows; nor, as a join's may, of all that one force has sent,
	// so each is a question of its own. With that, the plan is the same whatever
	// the values, and to make it anew for each small batch, which the server
	// would, takes as long as to run it.
	q.Queue(`
		select set_config('plan_cache_mode', 'force_generic_plan', true),
		       set_config('enable_seqscan', 'off', true),
		       set_config('enable_hashjoin', 'off', true),
		       set_config('enable_mergejoin', 'off', true),
		       set_config('enable_material', 'off', true)`)
	q.Queue(`
		insert into incident (force, reference, head)
		select @force, k.reference, k.head
		  from unnest(@keys::text[], @heads::integer[]) as k (reference, head)
		    on conflict (force, reference) do nothing
		returning id, reference, head`, args).Query(func(rows pgx.Rows) error {
		var l locked
		var reference string
		_, err := pgx.ForEachRow(rows, []any{&l.id, &reference, &l.head}, func() error {
			a.incidents[reference] = &locked{id: l.id, head: l.head}
			return nil
		})
		return err
	})
	// By number, as every stage that locks several incidents does. What was
	// inserted just now is locked as it is.
	q.Queue(`
		select i.id, i.reference, i.head
		  from incident i
		 where i.id = any (array(
		         select (select o.id from incident o where o.force = @force and o.reference = k.reference)
		           from unnest(@keys::text[]) as k (reference)))
		   and i.xmin <> pg_current_xact_id()::xid
		 order by i.id
		   for no key update of i`, args).Query(func(rows pgx.Rows) error {
		var l locked
		var reference string
		_, err := pgx.ForEachRow(rows, []any{&l.id, &reference, &l.head}, func() error {
			if a.incidents[reference] == nil {
				a.incidents[reference] = &locked{id: l.id, head: l.head, old: true}
			}
			return nil
		})
		return err
	})
	q.Queue(`
		select reference, number, digest
		  from (select k.reference,
		               k.number,
		               (select r.digest
		                  from revision r
		                 where r.incident = (select o.id from incident o where o.force = @force and o.reference = k.reference)
		                   and r.number = k.number) as digest
		          from unnest(@references::text[], @numbers::integer[]) as k (reference, number)
		        offset 0) there -- else the probe is made once for the condition and once for the answer
		 where digest is not null`, args).Query(func(rows pgx.Rows) error {
		var reference string
		var number int
		var digest []byte
		_, err := pgx.ForEachRow(rows, []any{&reference, &number, &digest}, func() error {
			i := a.incidents[reference]
			if i == nil {
				return fmt.Errorf("a revision of an incident that is not locked")
			}
			if i.digests == nil {
				i.digests = make(map[int][]byte)
			}
			i.digests[number] = bytes.Clone(digest)
			return nil
		})
		return err
	})
	if err := conn.SendBatch(ctx, &q).Close(); err != nil {
		return fmt.Errorf("lock incidents: %w", err)
	}
	return nil
}

// judge answers for each entry, in order: the first of two with the same key
// is the one that counts.
func (a *accepting) judge() {
	a.lines = make([]casework.ReceiptLine, len(a.batch.Entries))
	for n := range a.batch.Entries {
		e := &a.batch.Entries[n]
		record := &e.Record
		line := &a.lines[n]
		*line = casework.ReceiptLine{Line: e.Line, Record: record.Number,
			Reference: record.Incident.Reference, Revision: record.Incident.Revision, Problems: record.Problems}
		if !valid(e) {
			line.Status = casework.LineRejected
			continue
		}
		i := a.incidents[record.Incident.Reference]
		line.Incident = i.id
		there, known := i.digests[record.Incident.Revision]
		switch {
		case !known:
			line.Status = casework.LineAccepted
			if i.digests == nil {
				i.digests = make(map[int][]byte, 1)
			}
			i.digests[record.Incident.Revision] = e.Digest
			a.fresh = append(a.fresh, filing{e, i})
			if record.Incident.Redacted {
				a.redacted++
			}
		case bytes.Equal(there, e.Digest):
			line.Status = casework.LineDuplicate
		default:
			line.Status = casework.LineRejected
			line.Problems = []casework.Problem{a.conflict}
			a.aside = append(a.aside, filing{e, i})
		}
	}
}

// write files everything and commits.
func (a *accepting) write(ctx context.Context, conn *pgxpool.Conn) error {
	var q pgx.Batch
	receipt := a.batch.Receipt
	if err := a.receipt(&q, receipt); err != nil {
		return err
	}
	a.revisions(&q, receipt)
	if len(a.aside) > 0 {
		var ids []casework.IncidentID
		var numbers []int
		var digests, bodies [][]byte
		for _, f := range a.aside {
			ids, numbers = append(ids, f.incident.id), append(numbers, f.entry.Record.Incident.Revision)
			digests, bodies = append(digests, f.entry.Digest), append(bodies, f.entry.Body)
		}
		// The same conflict may be sent as often as they like: it is kept once.
		q.Queue(`
			insert into conflict (incident, number, digest, body, receipt)
			select k.incident, k.number, k.digest, k.body, @receipt
			  from unnest(@incidents::bigint[], @numbers::integer[], @digests::bytea[], @bodies::bytea[])
			       as k (incident, number, digest, body)
			    on conflict (incident, number, digest) do nothing`,
			pgx.NamedArgs{"receipt": receipt.ID, "incidents": ids, "numbers": numbers, "digests": digests, "bodies": bodies})
	}
	if err := a.answers(&q, receipt); err != nil {
		return err
	}
	// After an error in what goes before, the server passes over the commit too.
	q.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" {
			return fmt.Errorf("the commit was answered with a %s", tag)
		}
		return nil
	})
	if err := conn.SendBatch(ctx, &q).Close(); err != nil {
		return fmt.Errorf("write revisions: %w", err)
	}
	return nil
}

// receipt writes the submission's receipt, or adds this batch's counts to it.
func (a *accepting) receipt(q *pgx.Batch, r *casework.Receipt) error {
	counts := map[casework.LineStatus]int{}
	for _, l := range a.lines {
		counts[l.Status]++
	}
	dropped, err := json.Marshal(r.Dropped)
	if err != nil {
		return fmt.Errorf("encode what was dropped: %w", err)
	}
	var problem []byte
	if r.Problem != nil {
		if problem, err = json.Marshal(r.Problem); err != nil {
			return fmt.Errorf("encode the submission's problem: %w", err)
		}
	}
	q.Queue(`
		insert into receipt (id, force, channel, idempotency_key, request_digest, received_at, completed_at,
		                     accepted, duplicate, rejected, redacted, dropped, problem)
		values (@id, @force, @channel, nullif(@key, ''), @digest, @received,
		        case when @last then now() end,
		        @accepted, @duplicate, @rejected, @redacted, coalesce(nullif(@dropped::jsonb, 'null'), '{}'), @problem)
		    on conflict (id) do update
		   set completed_at = excluded.completed_at,
		       request_digest = excluded.request_digest,
		       accepted = receipt.accepted + excluded.accepted,
		       duplicate = receipt.duplicate + excluded.duplicate,
		       rejected = receipt.rejected + excluded.rejected,
		       redacted = receipt.redacted + excluded.redacted,
		       dropped = excluded.dropped,
		       problem = excluded.problem`,
		pgx.NamedArgs{"id": r.ID, "force": r.Force, "channel": r.Channel, "key": r.IdempotencyKey,
			"digest": r.RequestDigest, "received": r.ReceivedAt, "last": a.batch.Last,
			"accepted": counts[casework.LineAccepted], "duplicate": counts[casework.LineDuplicate],
			"rejected": counts[casework.LineRejected], "redacted": a.redacted,
			"dropped": string(dropped), "problem": problem})
	return nil
}

// revisions files what is new, and moves heads upward.
func (a *accepting) revisions(q *pgx.Batch, r *casework.Receipt) {
	if len(a.fresh) == 0 {
		return
	}
	var at *time.Time
	if !a.batch.At.IsZero() {
		at = &a.batch.At
	}
	n := len(a.fresh)
	var c struct {
		incidents                             []casework.IncidentID
		numbers                               []int
		status, kind, typ, dash, dispositions []string
		reported, occurred                    []time.Time
		abuse, children, redacted             []bool
		bodies, digests                       [][]byte
	}
	c.incidents, c.numbers = make([]casework.IncidentID, 0, n), make([]int, 0, n)
	c.bodies, c.digests = make([][]byte, 0, n), make([][]byte, 0, n)
	newest := make(map[*locked]*casework.Incident)
	for _, f := range a.fresh {
		i := &f.entry.Record.Incident
		head := f.incident.head
		if best := newest[f.incident]; i.Revision >= head && (best == nil || i.Revision > best.Revision) {
			if i.Revision > head || !f.incident.old {
				newest[f.incident] = i
			}
		}
	}
	for _, f := range a.fresh {
		i := &f.entry.Record.Incident
		disposition := casework.Superseded // it came late, or with a newer one
		if newest[f.incident] == i {
			disposition = casework.InFlight
		}
		c.incidents, c.numbers = append(c.incidents, f.incident.id), append(c.numbers, i.Revision)
		c.status, c.kind = append(c.status, string(i.Status)), append(c.kind, string(i.Kind))
		c.typ, c.dash = append(c.typ, i.Type), append(c.dash, string(i.DASH))
		c.dispositions = append(c.dispositions, string(disposition))
		c.reported, c.occurred = append(c.reported, i.ReportedAt), append(c.occurred, i.OccurredFrom)
		c.abuse, c.children = append(c.abuse, i.DomesticAbuse), append(c.children, i.ChildrenPresent)
		c.redacted = append(c.redacted, i.Redacted)
		c.bodies, c.digests = append(c.bodies, f.entry.Body), append(c.digests, f.entry.Digest)
	}
	q.Queue(`
		insert into revision (incident, number, status, kind, type, reported_at, occurred_from, domestic_abuse,
		                      children_present, dash, redacted, body, digest, disposition, receipt, force, received_at, settled_at)
		select k.incident, k.number, k.status, k.kind, k.type, k.reported_at, k.occurred_from, k.domestic_abuse,
		       k.children_present, k.dash, k.redacted, k.body, k.digest, k.disposition, @receipt, @force,
		       coalesce(@at, now()),
		       case when k.disposition = 'superseded' then now() end
		  from unnest(@incidents::bigint[], @numbers::integer[], @status::text[], @kind::text[], @type::text[],
		              @reported::timestamptz[], @occurred::timestamptz[], @abuse::boolean[], @children::boolean[],
		              @dash::text[], @redacted::boolean[], @bodies::bytea[], @digests::bytea[], @dispositions::text[])
		       as k (incident, number, status, kind, type, reported_at, occurred_from, domestic_abuse,
		             children_present, dash, redacted, body, digest, disposition)`,
		pgx.NamedArgs{"receipt": r.ID, "force": r.Force, "incidents": c.incidents, "numbers": c.numbers, "status": c.status,
			"kind": c.kind, "type": c.typ, "reported": c.reported, "occurred": c.occurred, "abuse": c.abuse,
			"children": c.children, "dash": c.dash, "redacted": c.redacted, "bodies": c.bodies,
			"digests": c.digests, "dispositions": c.dispositions, "at": at})

	var moved []casework.IncidentID
	var heads []int
	var subjects, payloads []string
	now := time.Now()
	for _, f := range a.fresh { // in the order received, for the events' sake
		i := newest[f.incident]
		if i != &f.entry.Record.Incident {
			continue
		}
		if f.incident.old {
			moved, heads = append(moved, f.incident.id), append(heads, i.Revision)
		}
		of := events.Incident{IncidentID: int64(f.incident.id), Force: i.Force, Revision: i.Revision}
		e := events.New(now, events.IncidentReceived(of))
		if i.Status == casework.Withdrawn {
			e = events.New(now, events.IncidentWithdrawn(of))
		}
		subjects, payloads = append(subjects, e.Subject), append(payloads, string(e.Data))
	}
	if len(moved) > 0 {
		args := pgx.NamedArgs{"incidents": moved, "heads": heads}
		q.Queue(`
			update incident i
			   set head = k.head
			  from unnest(@incidents::bigint[], @heads::integer[]) as k (incident, head)
			 where i.id = k.incident`, args)
		q.Queue(`
			update revision r
			   set disposition = 'superseded',
			       settled_at = now()
			  from unnest(@incidents::bigint[], @heads::integer[]) as k (incident, head)
			 where r.incident = k.incident
			   and r.number < k.head
			   and r.disposition <> 'superseded'`, args)
	}
	if len(moved) > 0 {
		// A newer revision says what is so, whichever of the two it was before.
		q.Queue(`
			update conflict c
			   set resolved_at = now(),
			       resolution = 'a newer revision came',
			       body = null
			  from unnest(@incidents::bigint[], @heads::integer[]) as k (incident, head)
			 where c.incident = k.incident
			   and c.number < k.head
			   and c.resolved_at is null`, pgx.NamedArgs{"incidents": moved, "heads": heads})
	}
	if len(subjects) > 0 {
		q.Queue(insertEvents, pgx.NamedArgs{"subjects": subjects, "payloads": payloads})
	}
}

// answers writes the receipt's lines.
func (a *accepting) answers(q *pgx.Batch, r *casework.Receipt) error {
	n := len(a.lines)
	if n == 0 {
		return nil
	}
	lines, records, revisions := make([]int, n), make([]int, n), make([]int, n)
	references, status, problems := make([]string, n), make([]string, n), make([]string, n)
	incidents := make([]*int64, n)
	for k := range a.lines {
		l := &a.lines[k]
		lines[k], records[k], revisions[k] = l.Line, l.Record, l.Revision
		references[k], status[k], problems[k] = l.Reference, string(l.Status), "[]"
		if l.Incident != 0 {
			incidents[k] = (*int64)(&l.Incident)
		}
		if len(l.Problems) > 0 {
			encoded, err := json.Marshal(l.Problems)
			if err != nil {
				return fmt.Errorf("encode the problems of line %d: %w", l.Line, err)
			}
			problems[k] = string(encoded)
		}
	}
	// A submission that is sent again under its idempotency key, after it broke
	// off, keeps the answers that were given the first time.
	q.Queue(`
		insert into receipt_line (receipt, line, record, reference, revision, status, incident, problems)
		select @receipt, k.line, k.record, k.reference, k.revision, k.status, k.incident, k.problems
		  from unnest(@lines::integer[], @records::integer[], @references::text[], @revisions::integer[],
		              @status::text[], @incidents::bigint[], @problems::jsonb[])
		       as k (line, record, reference, revision, status, incident, problems)
		    on conflict (receipt, line) do nothing`,
		pgx.NamedArgs{"receipt": r.ID, "lines": lines, "records": records, "references": references,
			"revisions": revisions, "status": status, "incidents": incidents, "problems": problems})
	return nil
}
