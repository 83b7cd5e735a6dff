package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
)

// Sex as police and probation record it.
type Sex string

// The four codes of the arrangement. The empty Sex means not stated.
const (
	Male        Sex = "M"
	Female      Sex = "F"
	Unspecified Sex = "U"
	Other       Sex = "X"
)

// Name is a surname with the forenames in the order they are used. Either may
// be empty.
type Name struct {
	Forenames string `json:"forenames,omitempty"`
	Surname   string `json:"surname,omitempty"`
}

// Place is where somebody lives or lived. Either part may be empty.
type Place struct {
	Address  string `json:"address,omitempty"`
	Postcode string `json:"postcode,omitempty"`
}

// Identity holds the facts by which one record of a person is compared with
// another. It is the same for a person in an incident and a person on
// probation, so that the matcher compares like with like. Every value is kept
// as it was given; normalisation is the matcher's business.
type Identity struct {
	Name
	// Aliases are whole names as one string each, as police and the case record both give them.
	Aliases     []string `json:"aliases,omitempty"`
	DateOfBirth Date     `json:"dateOfBirth,omitzero"`
	Sex         Sex      `json:"sex,omitempty"`
	PNCs        []string `json:"pncs,omitempty"`
	CROs        []string `json:"cros,omitempty"`
	NOMS        string   `json:"noms,omitempty"`
	Place
	// Previous places, newest first. The pilot's extract gives postcodes alone.
	Previous []Place `json:"previous,omitempty"`
}

// Digest is a hash of every fact of the identity. Two records with the same
// digest are the same evidence; a judgement carries over between them.
func (i Identity) Digest() string {
	b, err := json.Marshal(i)
	if err != nil {
		panic("casework: identity cannot be encoded: " + err.Error()) // strings, slices and a Date always can
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// LogValue keeps names out of logs: an identity never says who it is.
func (i Identity) LogValue() slog.Value { return slog.StringValue("[identity]") }

// String keeps names out of error texts and test output.
func (i Identity) String() string { return "[identity]" }
