// Package linkage finds the one person on a register whom an identity may be,
// and proves it. It is the pure core of the matcher: it compares, weighs,
// indexes and explains, does no I/O, and is usable on its own.
//
// A [Register] holds people. [Register.Find] answers with [Candidate]s, each
// with its calibrated probability and its evidence; [Register.Explain] gives
// the evidence for any one person; [Compare] weighs two identities alone.
//
// The comparison is probabilistic, after Fellegi and Sunter (1969): each field
// agrees at a level, each level has a weight of log2(m/u) bits, m being how
// often records of one person agree at that level and u how often strangers do.
// Where a value's own frequency on the register is known, it takes the place of
// u. Three things go beyond the sum:
//
//   - strangers are not the only alternative. Relatives share a name and an
//     address, twins a birthday, namesakes a forename. How likely the evidence is
//     among them is weighed as a hypothesis of its own, and taken off.
//   - a query is one person at most. Somebody else on the register who fits as
//     well takes from the probability of both.
//   - the second of two numbers that are given together is little news.
//
// Each of them is a step of the waterfall. Weights are integers in units of
// 1/1024 bit, so that the same inputs give the same bytes on any machine and
// the steps add up exactly.
//
// Nobody who reaches the threshold is missed: see plan.go.
package linkage
