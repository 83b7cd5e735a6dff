package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The trail is a chain: each line is sealed with a hash over itself and the
// hash before it, so that nothing can be changed, removed or put between
// without breaking every seal that follows. A chain cannot show that its end
// was cut off, or that all of it was computed anew: for that the head is logged and
// published every minute (head.go), and printed by audit head, to be kept in
// another place and given to audit verify.

// sealing is the advisory lock of the one sealer.
const sealing = 0x7365616c // "seal"

// sealBatch is how many lines one transaction seals.
const sealBatch = 5000

// Seal is the state of the chain after a line.
type Seal struct {
	Seq  int64
	Hash []byte
}

// String is the head in the form in which it is kept in another place.
func (s Seal) String() string { return fmt.Sprintf("%d:%x", s.Seq, s.Hash) }

// ParseSeal reads what String gives.
func ParseSeal(text string) (Seal, error) {
	seq, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	sum, wrong := hex.DecodeString(hash)
	if !ok || err != nil || wrong != nil || n < 0 || len(sum) != sha256.Size && (n > 0 || len(sum) > 0) {
		return Seal{}, errors.New("a head of the audit trail is a number, a colon and 64 hexadecimal digits")
	}
	return Seal{Seq: n, Hash: sum}, nil
}

// MarshalText writes what String gives.
func (s Seal) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// sealed is a line as its hash covers it.
type sealed struct {
	ID          int64
	At          time.Time
	Actor       string
	What        string
	Service     string
	SubjectType string
	SubjectID   string
	Correlation string
	Details     string
}

const sealedColumns = `a.id, a.at, a.actor, a.what, a.service, a.subject_type, a.subject_id, a.correlation, a.details::text`

// hash covers the previous hash and every column. Lengths go in front of the
// texts, so that nothing can move from one column to the next.
func (l sealed) hash(previous []byte) []byte {
	b := make([]byte, 0, 512)
	b = append(b, previous...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(l.At.UnixMicro()))
	for _, s := range []string{l.Actor, l.What, l.Service, l.SubjectType, l.SubjectID, l.Correlation, l.Details} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// SealAudit chains the committed lines that are not in the chain yet, and
// returns how many it sealed: none if another sealer is at work.
func (db *DB) SealAudit(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := db.sealSome(ctx)
		total += n
		if err != nil {
			return total, fmt.Errorf("seal the audit trail: %w", err)
		}
		if n < sealBatch {
			return total, nil
		}
	}
}

func (db *DB) sealSome(ctx context.Context) (int, error) {
	n := 0
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		n = 0
		var mine bool
		if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(sealing)).Scan(&mine); err != nil || !mine {
			return err
		}
		head, err := auditHead(ctx, tx)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			with taken as (
			  delete from audit_unsealed
			   where audit in (select audit from audit_unsealed order by audit limit @batch)
			  returning audit
			)
			select `+sealedColumns+`
			  from taken
			  join audit a on a.id = taken.audit
			 order by a.id`,
			pgx.NamedArgs{"batch": sealBatch})
		lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealed])
		if err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"audit_seal"}, []string{"seq", "audit", "hash"},
			pgx.CopyFromSlice(len(lines), func(i int) ([]any, error) {
				head = Seal{Seq: head.Seq + 1, Hash: lines[i].hash(head.Hash)}
				return []any{head.Seq, lines[i].ID, head.Hash}, nil
			}))
		n = len(lines)
		return err
	})
	return n, err
}

func auditHead(ctx context.Context, tx pgx.Tx) (Seal, error) {
	rows, _ := tx.Query(ctx, `
		select seq, hash
		  from audit_seal
		 order by seq desc
		 limit 1`)
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Seal])
	if err != nil || len(heads) == 0 {
		return Seal{}, err
	}
	return heads[0], nil
}

// AuditHead is the end of the chain as it stands.
func (db *DB) AuditHead(ctx context.Context) (Seal, error) {
	var head Seal
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) (err error) {
		head, err = auditHead(ctx, tx)
		return err
	})
	if err != nil {
		return head, fmt.Errorf("read the head of the audit trail: %w", problem(err))
	}
	return head, nil
}

// RunSealer seals the trail each second until ctx ends. Any number may run.
func (db *DB) RunSealer(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := db.SealAudit(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "the audit trail is not being sealed", "error", err)
		}
	}
}

// AuditFault is a place where the trail is not what was sealed.
type AuditFault struct {
	Seq   int64  `json:"seq,omitempty"`   // place in the chain, if it has one
	Audit int64  `json:"audit,omitempty"` // the line, if it is there
	Fault string `json:"fault"`
}

// AuditProof is what became of verifying the trail.
type AuditProof struct {
	Sealed   int64        `json:"sealed"`   // lines in the chain
	Unsealed int64        `json:"unsealed"` // lines of the last moments, still to be chained
	Head     Seal         `json:"head"`     // to be compared with one kept elsewhere
	Faults   []AuditFault `json:"faults"`   // the first of them; empty if the trail is whole
	kept     map[int64][]Seal
}

// maxFaults is how many faults are worth telling apart.
const maxFaults = 20

// VerifyAudit computes the whole chain again and compares. It tells progress
// how many lines it has seen, if that is not nil. It reads one snapshot, a
// line at a time. Heads of the chain that were kept in another place must be in
// it: else its end was cut off, or all of it computed anew.
func (db *DB) VerifyAudit(ctx context.Context, progress func(seen int64), kept ...Seal) (AuditProof, error) {
	proof := AuditProof{kept: map[int64][]Seal{}}
	for _, k := range kept {
		proof.kept[k.Seq] = append(proof.kept[k.Seq], k)
	}
	err := pgx.BeginTxFunc(ctx, db.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := proof.chain(ctx, tx, progress); err != nil {
			return err
		}
		for _, k := range kept {
			if k.Seq > proof.Head.Seq {
				proof.fault(AuditFault{Seq: proof.Head.Seq + 1, Fault: fmt.Sprintf("the end was cut off: a head kept elsewhere is of seal %d", k.Seq)})
			}
		}
		return proof.strays(ctx, tx)
	})
	if err != nil {
		return proof, fmt.Errorf("verify the audit trail: %w", problem(err))
	}
	return proof, nil
}

func (p *AuditProof) fault(f AuditFault) {
	if len(p.Faults) < maxFaults {
		p.Faults = append(p.Faults, f)
	}
}

func (p *AuditProof) chain(ctx context.Context, tx pgx.Tx, progress func(int64)) error {
	rows, err := tx.Query(ctx, `
		select s.seq, s.audit, s.hash, a.id is not null,
		       coalesce(a.at, 'epoch'), coalesce(a.actor, ''), coalesce(a.what, ''), coalesce(a.service, ''),
		       coalesce(a.subject_type, ''), coalesce(a.subject_id, ''), coalesce(a.correlation, ''),
		       coalesce(a.details::text, '')
		  from audit_seal s
		  left join audit a on a.id = s.audit
		 order by s.seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			seal  Seal
			line  sealed
			there bool
		)
		err := rows.Scan(&seal.Seq, &line.ID, &seal.Hash, &there, &line.At, &line.Actor, &line.What, &line.Service,
			&line.SubjectType, &line.SubjectID, &line.Correlation, &line.Details)
		if err != nil {
			return err
		}
		switch {
		case seal.Seq != p.Head.Seq+1:
			p.fault(AuditFault{Seq: p.Head.Seq + 1, Fault: fmt.Sprintf("%d seals are missing from here", seal.Seq-p.Head.Seq-1)})
		case !there:
			p.fault(AuditFault{Seq: seal.Seq, Fault: "the line is missing"})
		case string(line.hash(p.Head.Hash)) != string(seal.Hash):
			p.fault(AuditFault{Seq: seal.Seq, Audit: line.ID, Fault: "the line, or its seal, was changed"})
		}
		for _, k := range p.kept[seal.Seq] {
			if string(k.Hash) != string(seal.Hash) {
				p.fault(AuditFault{Seq: seal.Seq, Audit: line.ID, Fault: "the chain is not the one whose head was kept elsewhere"})
			}
		}
		// Go on from the seal as it stands, so that one change is one fault.
		p.Head = seal
		p.Sealed++
		if progress != nil && p.Sealed%10_000 == 0 {
			progress(p.Sealed)
		}
	}
	return rows.Err()
}

// strays counts the lines that wait for the sealer, and finds those that do
// neither: they were put in behind its back.
func (p *AuditProof) strays(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		select a.id, u.audit is not null
		  from audit a
		  left join audit_seal s on s.audit = a.id
		  left join audit_unsealed u on u.audit = a.id
		 where s.audit is null`)
	if err != nil {
		return err
	}
	var (
		id      int64
		waiting bool
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &waiting}, func() error {
		if waiting {
			p.Unsealed++
		} else {
			p.fault(AuditFault{Audit: id, Fault: "the line was never given to the sealer"})
		}
		return nil
	})
	return err
}
