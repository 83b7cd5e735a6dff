package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Compute the chain of the audit trail again, and find what was changed."`
}

type auditVerify struct {
	JSON bool `name:"json" help:"Answer as JSON."`
}

func (auditVerify) Help() string {
	return `Exits with 1 if a line or a seal was changed, removed or put in behind the sealer's back. Keep the head that it prints elsewhere: a chain that was made anew as a whole has another.

Example:
  reportable audit verify --json`
}

func (v auditVerify) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	progress, finish := to.progress("verifying", -1)
	proof, err := db.VerifyAudit(ctx, progress)
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
	}
	return nil
}
