package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sessions keeps who is signed in, for services/desk's session manager. Tokens
// come hashed, so that who reads the table cannot sign in with what it holds.
type Sessions struct{ db *DB }

// Sessions are those of the desk.
func (db *DB) Sessions() Sessions { return Sessions{db} }

// FindCtx gives a session that has not expired.
func (s Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.db.pool.QueryRow(ctx, `
		select data
		  from session
		 where token = @token
		   and expiry > now()
		   and data <> ''`,
		pgx.NamedArgs{"token": token}).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find a session: %w", problem(err))
	}
	return data, true, nil
}

// CommitCtx keeps a session until its expiry. One that was ended meanwhile stays
// so: a page that was on its way when somebody signed out brings back nothing.
func (s Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, err := s.db.pool.Exec(ctx, `
		insert into session (token, data, expiry)
		values (@token, @data, @expiry)
		    on conflict (token) do update
		   set data = excluded.data,
		       expiry = excluded.expiry
		 where session.data <> ''`,
		pgx.NamedArgs{"token": token, "data": data, "expiry": expiry})
	if err != nil {
		return fmt.Errorf("keep a session: %w", problem(err))
	}
	return nil
}

// DeleteCtx ends a session, and sweeps out those that have expired. It leaves an
// empty one for longer than any page is on its way, and says so to whoever keeps
// a page of it up to date, in this process or another.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.db.pool.Exec(ctx, `
		with swept as (
		  delete from session
		   where expiry < now()
		     and token <> @token
		), ended as (
		  update session
		     set data = '',
		         expiry = now() + interval '1 hour'
		   where token = @token
		  returning token
		)
		select pg_notify('event', '')
		  from ended`,
		pgx.NamedArgs{"token": token})
	if err != nil {
		return fmt.Errorf("end a session: %w", problem(err))
	}
	return nil
}

// Find is FindCtx for a caller without a context.
func (s Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for a caller without a context.
func (s Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx for a caller without a context.
func (s Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}
