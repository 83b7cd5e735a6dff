package run

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/reportable-incidents/reportable/services/telemetry"
)

// Serve runs the named services against NATS_URL and DATABASE_URL until the
// context ends.
func Serve(ctx context.Context, c *Config, o Options, names []string, out io.Writer) error {
	for _, name := range names {
		if !slices.Contains(Names, name) {
			return Usage("there is no service %q; there are %s", name, strings.Join(Names, ", "))
		}
	}
	log := c.Logger(out, slog.LevelInfo, "json")
	slog.SetDefault(log)
	listeners, err := Listen(o.Addresses, names)
	if err != nil {
		return err
	}
	defer listeners.Close()
	registry := telemetry.Registry()
	conn, err := connect(ctx, c, strings.Join(names, " "), log, registry)
	if err != nil {
		return err
	}
	defer conn.Close()
	db, done, err := Database(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if o.Demo && slices.Contains(names, "desk") {
		if err := notReal(ctx, db); err != nil {
			return fmt.Errorf("serve the desk as a demo: %w", err)
		}
	}
	o.Delivery, o.Transfer, o.SignIn, o.Keeping = c.Delivery, c.Transfer, c.SignIn, c.Keeping
	process, err := NewPlatform(db, conn, log, registry).NewProcess(names, listeners, o)
	if err != nil {
		return err
	}
	log.Info("serving", "services", names, "operations", process.Operations, "desk", process.Desk, "feed", process.Feed)
	err = process.Run(ctx)
	log.Info("stopped", "services", names)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
