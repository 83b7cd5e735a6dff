package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// ErrTooManyKeys refuses a third live key: two are for rotation, more are
// forgotten.
var ErrTooManyKeys = errors.New("the force has two live keys already: revoke one first")

// ForceKey is what is known of a key. The key itself is known to the force alone.
type ForceKey struct {
	ID         int64
	Force      string
	Name       string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time
}

// Live says that the key opens the door at a time.
func (k ForceKey) Live(at time.Time) bool { return k.RevokedAt == nil && at.Before(k.ExpiresAt) }

// AddForceKey keeps a key by its hash. A force has two live keys at most.
func (db *DB) AddForceKey(ctx context.Context, force, name string, hash []byte, expires time.Time) (int64, error) {
	var id int64
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		// One at a time for each force, or two commands could both see one key.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtext('force key ' || @force))`, pgx.NamedArgs{"force": force}); err != nil {
			return err
		}
		var live int
		err := tx.QueryRow(ctx, `
			select count(*)
			  from force_key
			 where force = @force
			   and revoked_at is null
			   and expires_at > now()`, pgx.NamedArgs{"force": force}).Scan(&live)
		if err != nil {
			return err
		}
		if live >= 2 {
			return ErrTooManyKeys
		}
		err = tx.QueryRow(ctx, `
			insert into force_key (force, name, hash, expires_at)
			values (@force, @name, @hash, @expires)
			returning id`,
			pgx.NamedArgs{"force": force, "name": name, "hash": hash, "expires": expires}).Scan(&id)
		if err != nil {
			return err
		}
		return audit(ctx, tx, keyAudit("FORCE_KEY_CREATED", force, id))
	})
	if err != nil {
		return 0, fmt.Errorf("add a key for force %s: %w", force, err)
	}
	return id, nil
}

// ForceKeys lists a force's keys, or all, newest first.
func (db *DB) ForceKeys(ctx context.Context, force string) ([]ForceKey, error) {
	rows, _ := db.pool.Query(ctx, `
		select id, force, name, created_at, expires_at, revoked_at, last_used_at
		  from force_key
		 where @force in ('', force)
		 order by force, id desc`, pgx.NamedArgs{"force": force})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ForceKey])
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", problem(err))
	}
	return all, nil
}

// RevokeForceKey makes a key useless at once.
func (db *DB) RevokeForceKey(ctx context.Context, force string, id int64) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update force_key
			   set revoked_at = now()
			 where id = @id
			   and force = @force
			   and revoked_at is null`, pgx.NamedArgs{"id": id, "force": force})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return casework.ErrNotFound
		}
		return audit(ctx, tx, keyAudit("FORCE_KEY_REVOKED", force, id))
	})
	if err != nil {
		return fmt.Errorf("revoke key %d of force %s: %w", id, force, err)
	}
	return nil
}

func keyAudit(what, force string, id int64) Audit {
	return Audit{Actor: "operator", What: what, Service: "feed", SubjectType: "FORCE_KEY", SubjectID: fmt.Sprint(id), Details: map[string]any{"force": force}}
}

// ForceByKey gives the live key of that hash, and notes, once a minute, that it
// is in use.
func (db *DB) ForceByKey(ctx context.Context, hash []byte) (ForceKey, error) {
	var k ForceKey
	err := db.pool.QueryRow(ctx, `
		select id, force, name, created_at, expires_at, revoked_at, last_used_at
		  from force_key
		 where hash = @hash
		   and revoked_at is null
		   and expires_at > now()`, pgx.NamedArgs{"hash": hash}).
		Scan(&k.ID, &k.Force, &k.Name, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt, &k.LastUsedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, casework.ErrNotFound
	}
	if err == nil && (k.LastUsedAt == nil || time.Since(*k.LastUsedAt) > time.Minute) {
		_, err = db.pool.Exec(ctx, `
			update force_key
			   set last_used_at = now()
			 where id = @id`, pgx.NamedArgs{"id": k.ID})
	}
	if err != nil {
		return k, fmt.Errorf("look up a force's key: %w", problem(err))
	}
	return k, nil
}
