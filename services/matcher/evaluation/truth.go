package evaluation

import "fmt"

// ReadTruth reads query ids with the register id of each, empty for nobody. A
// query that is not listed has no label. What is doubtful about it is said without
// quoting an id: some data give people who cannot be found on purpose. It is an
// error when it has nothing to do with the tables, or contradicts itself.
func ReadTruth(path string, register, queries []Record) (truth map[string]string, doubts []string, err error) {
	rows, _, err := readCSV(path)
	if err != nil {
		return nil, nil, err
	}
	times, person := map[string]int{}, map[string]bool{}
	for _, q := range queries {
		times[q.ID]++
	}
	for i, p := range register {
		if person[p.ID] {
			return nil, nil, fmt.Errorf("the register's row %d has the id of a row before it, so that %s cannot tell which of them is meant; give each row an id of its own, or put what is known of one person into one row", i+2, path)
		}
		person[p.ID] = true
	}
	columns := 0
	for _, row := range rows {
		columns = max(columns, len(row))
	}
	if columns < 2 {
		return nil, nil, fmt.Errorf("read %s: it has one column and needs two under a header, the query's id and the register's id, which is empty for nobody", path)
	}
	pair := func(row []string) (query, who string) {
		if len(row) > 1 {
			who = clean(row[1])
		}
		return clean(row[0]), who
	}
	if query, who := pair(rows[0]); times[query] == 0 || who != "" && !person[who] {
		rows[0] = nil // the header
	} else {
		doubts = append(doubts, "row 1 is no header, for it names a query; it is taken for the first answer")
	}
	truth = map[string]string{}
	said := map[string]int{}
	unknown, named, missing := 0, 0, 0
	for i, row := range rows {
		if len(row) == 0 {
			continue
		}
		query, who := pair(row)
		if before, again := said[query]; again && truth[query] != who {
			return nil, nil, fmt.Errorf("read %s: row %d, column 1, names the query of row %d again, with another person in column 2; leave the one that is right", path, i+1, before)
		} else if again {
			continue
		}
		said[query], truth[query] = i+1, who
		if times[query] == 0 {
			unknown++
		}
		if who != "" {
			named++
			if !person[who] {
				missing++
			}
		}
	}
	const needs = "its columns are the query's id and the register's id, under a header"
	switch {
	case unknown == len(truth):
		return nil, nil, fmt.Errorf("read %s: the truth names none of the queries; %s", path, needs)
	case named > 0 && missing == named:
		return nil, nil, fmt.Errorf("read %s: the truth names nobody on the register; %s", path, needs)
	case named == 0:
		doubts = append(doubts, "column 2 is empty in every row, so there is nobody to find, and precision and recall say nothing; it holds the register's id of who a query is")
	}
	if unknown > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d lines name a query that is not among the queries; they are left out", unknown, len(truth)))
	}
	if missing > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d persons named are not on the register; they count as not found", missing, named))
	}
	if n := len(queries) - len(times); n > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d queries have the id of another one; what is said of it holds for each of them", n, len(queries)))
	}
	return truth, doubts, nil
}
