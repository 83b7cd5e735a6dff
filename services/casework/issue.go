package casework

import "fmt"

// NewPNC makes the number of a year and serial, with its check letter. For
// synthetic people.
func NewPNC(year, serial int) PNC {
	number := fmt.Sprintf("%02d%07d", year%100, serial%1e7)
	return PNC(fmt.Sprintf("%04d/%07d%c", year, serial%1e7, checkLetter(number)))
}

// NewCRO makes the number of a serial and year, with its check letter. For
// synthetic people.
func NewCRO(serial, year int) CRO {
	number := fmt.Sprintf("%02d%06d", year%100, serial%1e6)
	return CRO(fmt.Sprintf("%06d/%02d%c", serial%1e6, year%100, checkLetter(number)))
}

// NewASN makes the arrest or summons number of a force's serial in a year, as
// forces write it without slashes. For synthetic arrests.
func NewASN(force string, year, serial int) string {
	const unit, system = "ZD", "01"
	check := checkLetter(fmt.Sprintf("%s%s%02d%011d", force, system, year%100, serial))
	return fmt.Sprintf("%02d%s%s%s%011d%c", year%100, force, unit, system, serial, check)
}
