package evaluation

import (
	"fmt"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Plot draws the curve of precision and recall, the calibration diagram and the
// histogram of scores into the folder, and says which files it wrote.
func (res *Result) Plot(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	var files []string
	for _, one := range []struct {
		name string
		draw func(*plot.Plot) error
	}{
		{"precision-recall.svg", res.drawCurve},
		{"calibration.svg", res.drawCalibration},
		{"scores.svg", res.drawScores},
	} {
		p := plot.New()
		if err := one.draw(p); err != nil {
			return nil, fmt.Errorf("plot %s: %w", one.name, err)
		}
		path := filepath.Join(dir, one.name)
		if err := p.Save(16*vg.Centimeter, 11*vg.Centimeter, path); err != nil {
			return nil, fmt.Errorf("plot %s: %w", one.name, err)
		}
		files = append(files, path)
	}
	return files, nil
}

func (res *Result) drawCurve(p *plot.Plot) error {
	p.Title.Text = fmt.Sprintf("Precision and recall (best F1 %.4f)", res.BestF1)
	p.X.Label.Text, p.Y.Label.Text = "recall", "precision"
	points := make(plotter.XYs, 0, len(res.Curve))
	lowest := 1.0
	for _, c := range res.Curve {
		points = append(points, plotter.XY{X: c.Recall, Y: c.Precision})
		lowest = min(lowest, c.Precision)
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, math.Floor(lowest*10)/10, 1
	p.Add(plotter.NewGrid())
	if len(points) == 0 {
		return nil
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	p.Add(line)
	return nil
}

func (res *Result) drawCalibration(p *plot.Plot) error {
	p.Title.Text = fmt.Sprintf("Calibration (expected error %.4f)", res.CalibrationError)
	p.X.Label.Text, p.Y.Label.Text = "probability given", "share that was right"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(plotter.NewGrid())
	var points plotter.XYs
	for _, b := range res.Calibration {
		if b.Count > 0 {
			points = append(points, plotter.XY{X: b.Predicted, Y: b.Observed})
		}
	}
	perfect, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	perfect.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(perfect)
	if len(points) == 0 {
		return nil
	}
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	p.Add(line, marks)
	return nil
}

func (res *Result) drawScores(p *plot.Plot) error {
	p.Title.Text = "Scores of the answers"
	p.X.Label.Text, p.Y.Label.Text = "bits (log2 of the odds)", "answers"
	values := make(plotter.Values, 0, len(res.scores))
	for _, s := range res.scores {
		q := min(max(s.p, 1e-9), 1-1e-9)
		values = append(values, math.Log2(q/(1-q)))
	}
	if len(values) == 0 {
		return nil
	}
	h, err := plotter.NewHist(values, 40)
	if err != nil {
		return err
	}
	p.Add(h)
	return nil
}
