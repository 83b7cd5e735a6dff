// Package grafana makes the dashboards that ship: three files of JSON, from the
// few lines that are different in each panel. They are committed, so that
// Grafana needs nothing else; a test in test/deploy holds them to this package.
//
//	go test ./test/deploy -run Dashboards -update
package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Dashboard is one page.
type Dashboard struct {
	// File is its name in deploy/grafana/dashboards.
	File string
	UID  string
	// Title and About say what it is for.
	Title, About string
	// Range is how much it shows at first, as Grafana writes it.
	Range string
	// Pick are the labels by which whoever looks narrows it, with what has them.
	Pick   []Pick
	Panels []Panel
}

// Pick narrows a dashboard by a label.
type Pick struct {
	Label, Title, Of string
}

// Panel is one picture.
type Panel struct {
	Kind  Kind
	Title string
	// About says what a figure means, and which it should be.
	About string
	// Unit is Grafana's: none, s, cps, percentunit, dateTimeFromNow.
	Unit string
	// Width is out of 24.
	Width int
	// Bad is the least value that is not well; for one whose smaller values are
	// worse, Good is the least that is. Both zero: nothing is said.
	Bad, Good float64
	Lines     []Line
}

// Line is one query, with how its series are called.
type Line struct {
	Query, Legend string
}

// Kind is how a panel is drawn.
type Kind string

const (
	Figure Kind = "stat"
	Graph  Kind = "timeseries"
	Bars   Kind = "bargauge"
)

// heights of the kinds, in Grafana's rows.
var heights = map[Kind]int{Figure: 4, Graph: 8, Bars: 8}

type object = map[string]any

var source = object{"type": "prometheus", "uid": "prometheus"}

// JSON is the dashboard as Grafana reads it. Panels stand in their order, from
// the left, in as many rows as they need.
func (d Dashboard) JSON() ([]byte, error) {
	picks := []object{}
	for _, p := range d.Pick {
		picks = append(picks, object{
			"name": p.Label, "label": p.Title, "type": "query", "datasource": source,
			"query":      object{"query": fmt.Sprintf("label_values(%s, %s)", p.Of, p.Label), "refId": p.Label},
			"includeAll": true, "allValue": ".*", "multi": true,
			"current": object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}},
			"refresh": 2, "sort": 1,
		})
	}
	panels := []object{}
	x, y, tall := 0, 0, 0
	for n, p := range d.Panels {
		if x+p.Width > 24 {
			x, y, tall = 0, y+tall, 0
		}
		panels = append(panels, p.object(n+1, x, y))
		x, tall = x+p.Width, max(tall, heights[p.Kind])
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		"uid": d.UID, "title": d.Title, "description": d.About, "tags": []string{"reportable"},
		"timezone": "Europe/London", "schemaVersion": 39, "version": 1, "editable": false, "refresh": "10s",
		"time": object{"from": "now-" + d.Range, "to": "now"}, "templating": object{"list": picks}, "panels": panels,
		"links": []object{{"type": "dashboards", "tags": []string{"reportable"}, "title": "Others", "keepTime": true}},
	})
	if err != nil {
		return nil, fmt.Errorf("write the dashboard %s: %w", d.UID, err)
	}
	return b.Bytes(), nil
}

func (p Panel) object(id, x, y int) object {
	targets := []object{}
	for n, l := range p.Lines {
		targets = append(targets, object{"refId": string(rune('A' + n)), "datasource": source, "expr": l.Query, "legendFormat": l.Legend, "instant": p.Kind == Bars})
	}
	defaults := object{"unit": p.Unit}
	if p.Kind == Graph {
		defaults["custom"] = object{"lineWidth": 2, "fillOpacity": 5, "showPoints": "never", "spanNulls": true}
		defaults["min"] = 0
	}
	if steps := p.steps(); steps != nil {
		defaults["thresholds"] = object{"mode": "absolute", "steps": steps}
		if p.Kind != Graph {
			defaults["color"] = object{"mode": "thresholds"}
		}
	}
	options := object{}
	switch p.Kind {
	case Figure:
		options = object{"colorMode": "value", "graphMode": "area", "reduceOptions": reduced}
	case Bars:
		options = object{"displayMode": "gradient", "orientation": "horizontal", "reduceOptions": reduced}
	case Graph:
		options = object{"legend": object{"displayMode": "table", "placement": "right", "calcs": []string{"lastNotNull"}}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	}
	return object{
		"id": id, "type": p.Kind, "title": p.Title, "description": p.About, "datasource": source,
		"gridPos":     object{"x": x, "y": y, "w": p.Width, "h": heights[p.Kind]},
		"fieldConfig": object{"defaults": defaults, "overrides": []object{}},
		"options":     options, "targets": targets,
	}
}

var reduced = object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}

// steps are the colours of values; none where nothing is said of them.
func (p Panel) steps() []object {
	switch {
	case p.Bad > 0:
		return []object{{"color": "green", "value": nil}, {"color": "red", "value": p.Bad}}
	case p.Good > 0:
		return []object{{"color": "red", "value": nil}, {"color": "green", "value": p.Good}}
	}
	return nil
}
