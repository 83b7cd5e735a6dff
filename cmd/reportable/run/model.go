package run

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/evaluation"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// Model is the model of a file, of a hash on the record or the beginning of
// one, or the one that ships; where it is not said which, the one in use.
func Model(ctx context.Context, db *postgres.DB, which string) (*linkage.Model, error) {
	if which == "shipped" {
		return linkage.Default(), nil
	}
	if _, err := os.Stat(which); which != "" && err == nil {
		return evaluation.ReadModelFile(which)
	}
	var kept casework.Model
	var err error
	if which == "" {
		if kept, err = db.ActiveModel(ctx); err == nil && kept.Hash == "" {
			return linkage.Default(), nil
		}
	} else {
		kept, err = db.Model(ctx, which)
		if errors.Is(err, casework.ErrNotFound) {
			return nil, fmt.Errorf("%s is neither a file nor the hash of one model on the record; see reportable match model list", which)
		}
	}
	if err != nil {
		return nil, err
	}
	m, err := linkage.ReadModel(kept.Weights)
	if err != nil {
		return nil, fmt.Errorf("read model %s, which this program may be too old for: %w", kept.Hash, err)
	}
	return m, nil
}
