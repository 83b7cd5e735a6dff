package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// identity says who takes something out of the record at the command line.
type identity struct {
	As string `placeholder:"SUBJECT" help:"The account that asks: it gets what it may see at the desk. Without one it is whoever has the command line, who gets everything. Either is written into the trail."`
}

// who is the account that asks, if one is named and the rule lets it in, and how
// the trail calls it.
func (i identity) who(ctx context.Context, db *postgres.DB, rule access.Rule) (casework.Account, string, error) {
	if i.As == "" {
		name := "unknown"
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
		return casework.Account{}, "command line: " + name, nil
	}
	a, err := db.AccountBySubject(ctx, i.As)
	if err != nil && !errors.Is(err, casework.ErrNotFound) {
		return a, "", err
	}
	if err != nil || !rule.Allows(&a) {
		return a, "", fmt.Errorf("the account named by --as is not there, or may not %s", rule.Name)
	}
	return a, a.Subject, nil
}
