package evaluation

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// ReadTruth reads query ids with the register id of each, empty for nobody. A
// query that is not listed has no label.
func ReadTruth(path string) (map[string]string, error) {
	rows, _, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	truth := map[string]string{}
	for i, row := range rows {
		if i == 0 || len(row) == 0 {
			continue // the header
		}
		id := ""
		if len(row) > 1 {
			id = clean(row[1])
		}
		truth[clean(row[0])] = id
	}
	return truth, nil
}

// CheckTruth says what is doubtful about a truth, without quoting an id: some
// data give people who cannot be found on purpose. It is an error when it has
// nothing to do with the tables.
func CheckTruth(truth map[string]string, register, queries []Record) (doubts []string, err error) {
	asked, people := map[string]bool{}, map[string]bool{}
	for _, q := range queries {
		asked[q.ID] = true
	}
	for _, p := range register {
		people[p.ID] = true
	}
	known, named, there := 0, 0, 0
	for query, person := range truth {
		if asked[query] {
			known++
		}
		if person != "" {
			named++
			if people[person] {
				there++
			}
		}
	}
	switch {
	case known == 0:
		return nil, errors.New("the truth names none of the queries; its columns are the query's id and the register's id, under a header")
	case named > 0 && there == 0:
		return nil, errors.New("the truth names nobody on the register; its columns are the query's id and the register's id, under a header")
	}
	if n := len(truth) - known; n > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d lines name a query that is not among the queries; they are left out", n, len(truth)))
	}
	if n := named - there; n > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d persons named are not on the register; they count as not found", n, named))
	}
	return doubts, nil
}

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
