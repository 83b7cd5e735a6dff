package run

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/reportable-incidents/reportable/test/caserecord"
)

// caseRecord is the demo's case-management system: confirmed matches are
// transferred to it, as they would be to the real one, and what it holds is kept
// in the data folder.
func (d *demo) caseRecord(c *Config, to *Transfer, log *slog.Logger) (Service, error) {
	record, err := caserecord.Open(filepath.Join(c.Data, "caserecord.json"))
	if err != nil {
		return Service{}, err
	}
	record.Token = rand.Text()
	to.TokenFile = filepath.Join(c.Data, "caserecord.token")
	if err := os.WriteFile(to.TokenFile, []byte(record.Token), 0o600); err != nil {
		return Service{}, fmt.Errorf("write the case record's token: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Service{}, fmt.Errorf("serve the case record: %w", err)
	}
	to.URL = urlOf(l)
	d.record = to.URL
	return server("case record", l, record, log), nil
}
