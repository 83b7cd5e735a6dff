package run

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/reportable-incidents/reportable/services/postgres"
)

// Database connects to the PostgreSQL of DATABASE_URL, else to the private one
// in the data folder: to the one that a running up has there, or to one started
// for as long as it is needed. What is returned beside it lets it go.
func Database(ctx context.Context, c *Config) (*postgres.DB, func(), error) {
	url, stop := c.DatabaseURL, func() {}
	if url == "" {
		server, err := postgres.Private{Dir: filepath.Join(c.Data, "postgres"), Packages: c.Packages}.Start(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("%w (or set DATABASE_URL to a PostgreSQL that runs already)", err)
		}
		url, stop = server.URL(), server.Stop
	}
	db, err := postgres.OpenSeeing(ctx, url, c.Keeping.Sight)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return db, func() { db.Close(); stop() }, nil
}

// Migrated is Database with its tables up to date, for commands that need
// them. A PostgreSQL of somebody else is migrated only by the command that
// says so.
func Migrated(ctx context.Context, c *Config) (*postgres.DB, func(), error) {
	db, done, err := Database(ctx, c)
	if err != nil || c.DatabaseURL != "" {
		return db, done, err
	}
	if err := db.Migrate(ctx); err != nil {
		done()
		return nil, nil, err
	}
	return db, done, nil
}
