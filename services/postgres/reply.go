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

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// ReplyProblems are what a line is answered that only the ledger can refuse.
type ReplyProblems struct {
	Conflict, UnknownEnquiry, UnknownEntry casework.Problem
}

// AcceptReplies is [DB.Accept] for replies: it files a batch of a submission,
// answers for each of its entries and routes what is new to the case, in one
// transaction. The rules of keys, revisions and conflicts are those of incidents.
func (db *DB) AcceptReplies(ctx context.Context, b casework.Batch, problems ReplyProblems) ([]casework.ReceiptLine, error) {
	var lines []casework.ReceiptLine
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		r := replying{tx: tx, batch: b, problems: problems}
		err := r.run(ctx)
		lines = r.accepting.lines
		return err
	})
	if err != nil {
		var data *dataError
		if errors.As(err, &data) && data.pg.ConstraintName == "receipt_force_idempotency_key_key" {
			return nil, ErrKeyTaken
		}
		return nil, fmt.Errorf("accept %d replies of force %s: %w", len(b.Entries), b.Receipt.Force, err)
	}
	return lines, nil
}

// answering is the advisory lock under which a force's replies are filed, one
// submission at a time: they are few, and each may reopen what another closed.
const answering = 0x7265706c79 // "reply"

// replying is one transaction of AcceptReplies.
type replying struct {
	tx        pgx.Tx
	batch     casework.Batch
	problems  ReplyProblems
	accepting accepting // writes the receipt
	replies   []*casework.ReplyID
	tell      []events.Event
}

// subject is whom a reply is about, and whose work it is a part of.
type subject struct {
	Enquiry  int64
	Person   int64
	Incident int64
	Match    int64
}

func (r *replying) run(ctx context.Context) error {
	r.accepting = accepting{batch: r.batch, lines: make([]casework.ReceiptLine, len(r.batch.Entries))}
	r.replies = make([]*casework.ReplyID, len(r.batch.Entries))
	_, err := r.tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended(@force, @class))`,
		pgx.NamedArgs{"force": r.batch.Receipt.Force, "class": int64(answering)})
	if err != nil {
		return err
	}
	subjects, err := r.subjects(ctx)
	if err != nil {
		return fmt.Errorf("look up whom replies are about: %w", err)
	}
	var q pgx.Batch
	if err := r.accepting.receipt(&q, r.batch.Receipt); err != nil {
		return err
	}
	if err := r.tx.SendBatch(ctx, &q).Close(); err != nil {
		return err
	}
	for n := range r.batch.Entries {
		if err := r.file(ctx, n, subjects[n]); err != nil {
			return fmt.Errorf("file a reply: %w", err)
		}
	}
	if err := r.answers(ctx); err != nil {
		return err
	}
	return addEvents(ctx, r.tx, r.tell...)
}

// subjects finds whom each entry is about, and takes the locks of their
// incidents in order, as every stage does. Nothing is found for what the force
// was not asked, or is not told of.
func (r *replying) subjects(ctx context.Context) ([]subject, error) {
	n := len(r.batch.Entries)
	enquiries, entries := make([]*string, n), make([]*string, n)
	for i := range r.batch.Entries {
		if p := r.batch.Entries[i].Record.Reply; p != nil && valid(&r.batch.Entries[i]) {
			enquiries[i], entries[i] = orNull(p.Enquiry), orNull(p.Entry)
		}
	}
	rows, _ := r.tx.Query(ctx, `
		select w.n::integer - 1,
		       coalesce(e.id, 0),
		       who.person,
		       coalesce(c.incident, 0),
		       coalesce(c.match, 0)
		  from unnest(@enquiries::uuid[], @entries::uuid[]) with ordinality as w (enquiry, entry, n)
		  left join enquiry e on e.number = w.enquiry and e.force = @force
		  left join watch_entry l on l.id = w.entry and l.force = @force and l.listed
		 cross join lateral (select coalesce(e.person, l.person) as person) who
		  left join lateral (`+routeReply+`) c on true
		 where who.person is not null
		 order by w.n`,
		pgx.NamedArgs{"force": r.batch.Receipt.Force, "enquiries": enquiries, "entries": entries})
	all := make([]subject, n)
	var at int
	var s subject
	var incidents []int64
	_, err := pgx.ForEachRow(rows, []any{&at, &s.Enquiry, &s.Person, &s.Incident, &s.Match}, func() error {
		all[at] = s
		incidents = append(incidents, s.Incident)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(incidents)
	_, err = r.tx.Exec(ctx, `
		select
		  from incident
		 where id = any(@incidents)
		 order by id
		   for no key update`,
		pgx.NamedArgs{"incidents": slices.Compact(incidents)})
	return all, err
}

// routeReply finds the work that a reply is a part of: the enquiry's own, or,
// for somebody who was not asked about, the incident in which a disclosure was
// asked for, else the newest that is confirmed, else the newest.
const routeReply = `
	select m.incident, m.id as match
	  from match m
	 where case when e.id is not null then m.id = e.match
	            else m.person in (select p.id from person p where current_person(p.id) = current_person(who.person))
	             and m.state in ('open', 'unsure', 'confirmed') end
	 order by exists (
	            select 1
	              from action a
	             where a.match = m.id
	               and a.rule = 'disclosure_application'
	               and a.state in ('open', 'acknowledged')) desc,
	          m.state = 'confirmed' desc,
	          m.found_at desc,
	          m.id
	 limit 1`

// file judges one entry by its key and files it if it is new.
func (r *replying) file(ctx context.Context, n int, about subject) error {
	e := &r.batch.Entries[n]
	key := &e.Record.Incident // where the key of either stands
	line := &r.accepting.lines[n]
	*line = casework.ReceiptLine{Line: e.Line, Record: e.Record.Number, Reference: key.Reference, Revision: key.Revision, Problems: e.Record.Problems}
	reject := func(p casework.Problem) {
		line.Status, line.Problems = casework.LineRejected, []casework.Problem{p}
	}
	if !valid(e) {
		line.Status = casework.LineRejected
		return nil
	}
	reply := e.Record.Reply
	if about.Person == 0 {
		if reply.Enquiry != "" {
			reject(r.problems.UnknownEnquiry)
		} else {
			reject(r.problems.UnknownEntry)
		}
		return nil
	}
	var there casework.ReplyID
	var digest []byte
	var head int
	err := r.tx.QueryRow(ctx, `
		select coalesce(max(revision), 0),
		       coalesce(max(id) filter (where revision = @revision), 0),
		       (array_agg(digest) filter (where revision = @revision))[1]
		  from reply
		 where force = @force
		   and reference = @reference`,
		pgx.NamedArgs{"force": reply.Force, "reference": reply.Reference, "revision": reply.Revision}).Scan(&head, &there, &digest)
	switch {
	case err != nil:
		return err
	case there != 0 && bytes.Equal(digest, e.Digest):
		line.Status, line.Reply = casework.LineDuplicate, there
		return nil
	case there != 0:
		reject(r.problems.Conflict)
		line.Reply = there
		_, err := r.tx.Exec(ctx, `
			insert into reply_conflict (reply, digest, body, receipt)
			values (@reply, @digest, @body, @receipt)
			    on conflict (reply, digest) do nothing`,
			pgx.NamedArgs{"reply": there, "digest": e.Digest, "body": e.Body, "receipt": r.batch.Receipt.ID})
		return err
	}
	line.Status = casework.LineAccepted
	return r.add(ctx, e, line, about, reply.Revision > head)
}

// add files a new revision. The newest of its reference says what is so.
func (r *replying) add(ctx context.Context, e *casework.Entry, line *casework.ReceiptLine, about subject, newest bool) error {
	reply := e.Record.Reply
	args := pgx.NamedArgs{"force": reply.Force, "reference": reply.Reference, "revision": reply.Revision, "kind": string(reply.Kind),
		"status": string(reply.Status), "newest": newest, "final": reply.Final(), "enquiry": orNull(about.Enquiry), "person": about.Person,
		"incident": orNull(about.Incident), "match": orNull(about.Match), "body": e.Body, "digest": e.Digest,
		"receipt": r.batch.Receipt.ID, "at": orNull(r.batch.At)}
	var before []int64
	if newest {
		// An enquiry that the revision before answered may be open again.
		rows, _ := r.tx.Query(ctx, `
			update reply
			   set newest = false
			 where force = @force
			   and reference = @reference
			   and newest
			returning coalesce(enquiry, 0)`, args)
		var err error
		if before, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return err
		}
		_, err = r.tx.Exec(ctx, `
			update reply_conflict c
			   set resolved_at = now(),
			       body = null
			  from reply r
			 where r.id = c.reply
			   and r.force = @force
			   and r.reference = @reference
			   and c.resolved_at is null`, args)
		if err != nil {
			return err
		}
	}
	err := r.tx.QueryRow(ctx, `
		insert into reply (force, reference, revision, kind, status, newest, final, enquiry, person, incident, match, body, digest, receipt, received_at)
		values (@force, @reference, @revision, @kind, @status, @newest, @final, @enquiry, @person, @incident, @match, @body, @digest, @receipt,
		        coalesce(@at, now()))
		returning id`, args).Scan(&line.Reply)
	if err != nil {
		return err
	}
	if !newest {
		return nil
	}
	return r.follow(ctx, reply.Kind, line.Reply, about, append(before, about.Enquiry))
}

// follow makes the enquiries agree with their replies, and has the work of the
// case follow.
func (r *replying) follow(ctx context.Context, kind casework.Kind, id casework.ReplyID, about subject, enquiries []int64) error {
	rows, _ := r.tx.Query(ctx, `
		update enquiry e
		   set answered_at = case
		         -- taken back, and the same has been asked anew meanwhile: that one is waited for
		         when a.at is null and exists (
		                select 1
		                  from enquiry o
		                 where o.id <> e.id
		                   and (o.force, o.person, o.purpose, o.period_from, o.period_to) = (e.force, e.person, e.purpose, e.period_from, e.period_to)
		                   and o.answered_at is null
		                   and o.ended_at is null) then e.answered_at
		         else a.at
		       end,
		       taken_at = coalesce(e.taken_at, now()) -- who answers has it
		  from (select q.id,
		               (select min(p.received_at)
		                  from reply p
		                 where p.enquiry = q.id
		                   and p.newest
		                   and p.status = 'live'
		                   and p.final) as at
		          from enquiry q
		         where q.id = any(@enquiries)) a
		 where e.id = a.id
		returning e.id, e.person, e.incident, e.match`,
		pgx.NamedArgs{"enquiries": enquiries})
	answered, err := pgx.CollectRows(rows, pgx.RowToStructByPos[subject])
	if err != nil {
		return err
	}
	matches := []int64{about.Match}
	now := time.Now()
	for _, s := range answered {
		matches = append(matches, s.Match)
		if kind == casework.KindEnquiryReply {
			r.tell = append(r.tell, events.New(now, events.EnquiryAnswered{EnquiryID: s.Enquiry, Force: r.batch.Receipt.Force,
				MatchID: s.Match, IncidentID: s.Incident, PersonID: s.Person}))
		}
	}
	if kind == casework.KindDisclosureOutcome {
		r.tell = append(r.tell, events.New(now, events.DisclosureReceived{ReplyID: int64(id), Force: r.batch.Receipt.Force, EnquiryID: about.Enquiry,
			MatchID: about.Match, IncidentID: about.Incident, PersonID: about.Person}))
	}
	return disagree(ctx, r.tx, matches)
}

// disagree notes that the actions of matches have to follow: an event may be
// lost, this is not.
func disagree(ctx context.Context, tx pgx.Tx, matches []int64) error {
	_, err := tx.Exec(ctx, `
		update match
		   set agreed_at = null,
		       updated_at = now()
		 where id = any(@matches)`, pgx.NamedArgs{"matches": matches})
	return err
}

// answers writes the receipt's lines, and the counts now that they are known.
func (r *replying) answers(ctx context.Context) error {
	lines := r.accepting.lines
	n := len(lines)
	if n == 0 {
		return nil
	}
	numbers, records, revisions := make([]int, n), make([]int, n), make([]int, n)
	references, status, problems := make([]string, n), make([]string, n), make([]string, n)
	replies := make([]*int64, n)
	for i := range lines {
		l := &lines[i]
		numbers[i], records[i], revisions[i] = l.Line, l.Record, l.Revision
		references[i], status[i], problems[i] = l.Reference, string(l.Status), "[]"
		replies[i] = orNull(int64(l.Reply))
		if len(l.Problems) > 0 {
			encoded, err := json.Marshal(l.Problems)
			if err != nil {
				return fmt.Errorf("encode the problems of line %d: %w", l.Line, err)
			}
			problems[i] = string(encoded)
		}
	}
	args := pgx.NamedArgs{"receipt": r.batch.Receipt.ID, "lines": numbers, "records": records, "references": references,
		"revisions": revisions, "status": status, "replies": replies, "problems": problems}
	_, err := r.tx.Exec(ctx, `
		insert into receipt_line (receipt, line, record, reference, revision, status, reply, problems)
		select @receipt, k.line, k.record, k.reference, k.revision, k.status, k.reply, k.problems
		  from unnest(@lines::integer[], @records::integer[], @references::text[], @revisions::integer[],
		              @status::text[], @replies::bigint[], @problems::jsonb[])
		       as k (line, record, reference, revision, status, reply, problems)
		    on conflict (receipt, line) do nothing`, args)
	if err != nil {
		return fmt.Errorf("write the lines of a receipt: %w", err)
	}
	// The receipt was written first, for its lines refer to it.
	_, err = r.tx.Exec(ctx, `
		update receipt r
		   set accepted = l.accepted,
		       duplicate = l.duplicate,
		       rejected = l.rejected
		  from (select count(*) filter (where status = 'accepted') as accepted,
		               count(*) filter (where status = 'duplicate') as duplicate,
		               count(*) filter (where status = 'rejected') as rejected
		          from receipt_line
		         where receipt = @receipt) l
		 where r.id = @receipt`, args)
	return err
}
