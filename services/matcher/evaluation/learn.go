package evaluation

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// ReadModelFile reads a model, or gives the one that ships when path is empty.
func ReadModelFile(path string) (*linkage.Model, error) {
	if path == "" {
		return linkage.Default(), nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m, err := linkage.ReadModel(b)
	if err != nil {
		return nil, fmt.Errorf("read model %s: %w", path, err)
	}
	return m, nil
}

// Train learns a model from queries against a register, with the labels that
// truth has.
func Train(register, queries []Record, truth map[string]string, base *linkage.Model, how linkage.Training) (linkage.Trained, error) {
	r := linkage.New(base)
	fill(r, register)
	return linkage.Train(r, labelled(register, queries, truth), how)
}

// labelled makes examples of queries, numbering the register's rows from 1.
func labelled(register, queries []Record, truth map[string]string) []linkage.Example {
	number := map[string]casework.PersonID{}
	for i := range register {
		number[register[i].ID] = casework.PersonID(i + 1)
	}
	examples := make([]linkage.Example, 0, len(queries))
	for _, q := range queries {
		e := linkage.Example{Subject: q.Subject}
		if id, ok := truth[q.ID]; ok {
			e.Labelled = true
			if n := number[id]; n != 0 {
				e.Is = []casework.PersonID{n}
			}
		}
		examples = append(examples, e)
	}
	return examples
}

// ReadIdentity reads one identity or subject from JSON.
func ReadIdentity(path string) (linkage.Subject, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return linkage.Subject{}, fmt.Errorf("read identity: %w", err)
	}
	var s linkage.Subject
	if err := json.Unmarshal(b, &s); err != nil {
		return linkage.Subject{}, fmt.Errorf("read identity %s: not the JSON of an identity", path)
	}
	return s, nil
}
