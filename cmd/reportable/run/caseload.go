package run

import (
	"net/http"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload"
)

// caseload tells police forces who is under supervision. Extracts come in by
// the command line.
func (p *Platform) caseload(door access.ForceDoor) (http.Handler, Service) {
	s := caseload.NewServer(caseload.Config{
		Store:   p.DB,
		Door:    door,
		Metrics: caseload.NewMetrics(p.registry),
		Log:     p.Log,
		Now:     p.Now,
	})
	return p.requests.Of("caseload", s.Routes()), Service{"watch lists", s.Run}
}
