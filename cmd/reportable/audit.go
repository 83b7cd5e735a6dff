package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Compute the chain of the audit trail again, and find what was changed."`
	Head   auditHead   `cmd:"" help:"Print the head of the chain, to be kept in another place."`
}

type auditHead struct {
	Append string `placeholder:"FILE" help:"Add it to a file as well, a line each with the time: best on another machine."`
}

func (auditHead) Help() string {
	return `A chain does not show that its end was cut off, nor that all of it was made anew. Its head, kept where the database's administrator cannot change it, does: give it to "audit verify". Every minute it is logged and published on the stream AUDIT, too.

Example:
  reportable audit head --append /mnt/elsewhere/heads.txt`
}

func (h auditHead) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if _, err := db.SealAudit(ctx); err != nil {
		return err
	}
	head, err := db.AuditHead(ctx)
	if err != nil {
		return err
	}
	if h.Append != "" {
		f, err := os.OpenFile(h.Append, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("keep the head: %w", err)
		}
		_, err = fmt.Fprintf(f, "%s %s\n", time.Now().UTC().Format(time.RFC3339), head)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return fmt.Errorf("keep the head: %w", err)
		}
	}
	_, err = fmt.Fprintln(to.out, head)
	return err
}

type auditVerify struct {
	Head  []string `placeholder:"HEAD" help:"A head that was kept elsewhere, as audit head printed it. May be repeated."`
	Heads string   `placeholder:"FILE" help:"A file of them, as audit head --append wrote it."`
	JSON  bool     `name:"json" help:"Answer as JSON."`
}

// kept are the heads that were kept elsewhere.
func (v auditVerify) kept() ([]postgres.Seal, error) {
	texts := v.Head
	if v.Heads != "" {
		b, err := os.ReadFile(v.Heads)
		if err != nil {
			return nil, fmt.Errorf("read the heads kept elsewhere: %w", err)
		}
		for line := range strings.Lines(string(b)) {
			if words := strings.Fields(line); len(words) > 0 {
				texts = append(texts, words[len(words)-1])
			}
		}
	}
	var all []postgres.Seal
	for _, text := range texts {
		head, err := postgres.ParseSeal(text)
		if err != nil {
			return nil, run.Usage("%v", err)
		}
		all = append(all, head)
	}
	return all, nil
}

func (auditVerify) Help() string {
	return `Exits with 1 if a line or a seal was changed, removed or put in behind the sealer's back. Without a head that was kept elsewhere it cannot see that the end was cut off, or that the whole was made anew: it asks for those on the stream of NATS_URL, and takes others with --head and --heads. Every day the services do the same by themselves.

Example:
  reportable audit verify --json
  reportable audit verify --heads /mnt/elsewhere/heads.txt`
}

func (v auditVerify) Run(ctx context.Context, c *run.Config, to terminal) error {
	kept, err := v.kept()
	if err != nil {
		return err
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	published, err := run.PublishedHeads(ctx, c)
	if err != nil {
		fmt.Fprintf(to.err, "The heads that were published cannot be read: %v\n", err)
	}
	kept = append(kept, published...)
	progress, finish := to.progress("verifying", -1)
	proof, err := db.VerifyAudit(ctx, progress, kept...)
	finish()
	if err != nil {
		return err
	}
	if v.JSON {
		if err := to.json(proof); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(to.out, "%d lines are sealed and %d wait for the sealer. The head of the chain is %d %s.\n",
			proof.Sealed, proof.Unsealed, proof.Head.Seq, hex.EncodeToString(proof.Head.Hash))
		for _, f := range proof.Faults {
			fmt.Fprintf(to.out, "seal %d, line %d: %s\n", f.Seq, f.Audit, f.Fault)
		}
	}
	if len(proof.Faults) > 0 {
		return errors.New("the audit trail is not what was sealed; keep this database as it is, and compare it with a backup")
	}
	if !v.JSON {
		fmt.Fprintln(to.out, "The audit trail is whole.")
		if len(kept) > 0 {
			fmt.Fprintf(to.out, "All of the %d heads kept elsewhere are in it.\n", len(kept))
		}
	}
	return nil
}
