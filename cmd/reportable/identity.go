package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/user"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// identity says who takes something out of the record at the command line.
type identity struct {
	As string `placeholder:"SUBJECT" help:"The account that asks: it gets what it may see at the desk, and the trail says so. Default: what REPORTABLE_AS says. Needed as soon as somebody has signed in at the desk."`
}

// whoAsks is the help of every command that has an identity.
const whoAsks = ` Who takes it out is written into the trail. It is the account that --as or REPORTABLE_AS names, by the subject under which it signs in at the desk, and it gets what it may see there: no other PDU's, and no restricted case that is not theirs. Before the first account exists, while a service is set up, there is nobody to be: then it is whoever has the command line, and all of it.`

// who is the account that asks, if the rule lets it in, and how the trail calls
// it. Before there is any account it is whoever has the command line.
func (i identity) who(ctx context.Context, c *run.Config, db *postgres.DB, rule access.Rule) (casework.Account, string, error) {
	as := cmp.Or(i.As, c.Operator)
	if as == "" {
		known, err := db.HasAccounts(ctx)
		if err != nil {
			return casework.Account{}, "", err
		}
		if known {
			return casework.Account{}, "", run.Usage("say who asks: --as SUBJECT, or REPORTABLE_AS, names the account that may %s at the desk; it gets what it sees there", rule.Name)
		}
		name := "unknown"
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		return casework.Account{}, "command line: " + name, nil
	}
	a, err := db.AccountBySubject(ctx, as)
	if err != nil && !errors.Is(err, casework.ErrNotFound) {
		return a, "", err
	}
	if err != nil || !rule.Allows(&a) {
		return a, "", fmt.Errorf("the account named by --as or REPORTABLE_AS is not there, or may not %s", rule.Name)
	}
	return a, a.Subject, nil
}
