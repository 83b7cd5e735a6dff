// Package browser drives the desk in a real Chromium: the journeys that people
// make, every page against the rules of WCAG 2.2 AA with axe-core, and pictures
// of all of them (make screenshots).
package browser
