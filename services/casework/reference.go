package casework

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// Codes differ between systems and change with the years, so they are data
// here, with the aliases under which they have been seen.
var (
	//go:embed reference/forces.csv
	forcesCSV string
	//go:embed reference/pdus-wales.csv
	pdusCSV string
	//go:embed reference/registers.csv
	registersCSV string
)

// Force is a police force by its code on the PNC.
type Force struct{ Code, Name string }

// PDU is a probation delivery unit, the area in which a case is managed.
type PDU struct {
	Code, Name, Region string
	// Force is the police force of the area. One force may span several PDUs.
	Force string
}

// Register is a flag of the case record, such as ADVP.
type Register struct {
	Code, Meaning string
	ReviewMonths  int // zero where none is laid down
	Aliases       []string
}

// Forces are the forces of the United Kingdom, by code.
var Forces = sync.OnceValue(func() []Force {
	var forces []Force
	for _, f := range records(forcesCSV) {
		forces = append(forces, Force{Code: f[0], Name: f[1]})
	}
	return forces
})

// ForceName is the name of a force, and whether there is one of that code.
func ForceName(code string) (string, bool) {
	for _, f := range Forces() {
		if f.Code == code {
			return f.Name, true
		}
	}
	return "", false
}

// WelshPDUs are the six probation delivery units of Wales.
var WelshPDUs = sync.OnceValue(func() []PDU {
	var pdus []PDU
	for _, p := range records(pdusCSV) {
		pdus = append(pdus, PDU{Region: p[0], Code: p[1], Name: p[2], Force: p[3]})
	}
	return pdus
})

// Registers are the flags whose meaning we know. An extract may carry others.
var Registers = sync.OnceValue(func() []Register {
	var registers []Register
	for _, r := range records(registersCSV) {
		months, _ := strconv.Atoi(r[2])
		known := Register{Code: r[0], Meaning: r[1], ReviewMonths: months}
		if r[3] != "" {
			known.Aliases = strings.Split(r[3], "|")
		}
		registers = append(registers, known)
	}
	return registers
})

// RegisterCode gives the code under which a flag is kept, whichever of its
// aliases a system uses. A flag that we do not know keeps its own.
func RegisterCode(code string) string {
	for _, r := range Registers() {
		for _, alias := range r.Aliases {
			if alias == code {
				return r.Code
			}
		}
	}
	return code
}

// records reads our own small tables: a heading, no quotes, no commas in fields.
func records(table string) [][]string {
	var all [][]string
	for i, line := range strings.Split(strings.ReplaceAll(table, "\r", ""), "\n") {
		if i > 0 && line != "" {
			all = append(all, strings.Split(line, ","))
		}
	}
	return all
}
