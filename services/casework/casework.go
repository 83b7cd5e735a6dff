// Package casework is the vocabulary of Reportable: the nouns that every stage
// speaks in, and the rules that are true everywhere.
//
// An [Incident] is reported by a police force and names those involved, each an
// [Involvement]. A [Match] says that one of them is probably a [Person] on
// probation, and carries its [Evidence]. It raises [Action]s, each with an
// owner and a deadline in working time, the last of which is closed by a
// [Decision].
//
// The package does no I/O and imports the standard library and x/text only.
package casework
