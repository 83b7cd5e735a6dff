package evaluation

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var blue = color.RGBA{R: 0x1d, G: 0x70, B: 0xb8, A: 0xff}

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
		p.Title.Padding, p.Legend.Padding = vg.Points(8), vg.Points(3)
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
	line.Color, line.Width = blue, vg.Points(1.5)
	p.Add(line)
	return nil
}

func (res *Result) drawCalibration(p *plot.Plot) error {
	p.Title.Text = fmt.Sprintf("Calibration (expected error %.4f; by chance alone %.4f)", res.CalibrationError, res.CalibrationByChance)
	p.X.Label.Text, p.Y.Label.Text = "probability given", "share that was right"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Legend.Top, p.Legend.Left = true, true
	// Of what probabilities that mean what they say would show, 95 in 100 lie within.
	var above, below, points plotter.XYs
	for _, b := range res.Calibration {
		if b.Count == 0 {
			continue
		}
		points = append(points, plotter.XY{X: b.Predicted, Y: b.Observed})
		far := 1.96 * math.Sqrt(b.spread) / float64(b.Count)
		above = append(above, plotter.XY{X: b.Predicted, Y: min(1, b.Predicted+far)})
		below = append(below, plotter.XY{X: b.Predicted, Y: max(0, b.Predicted-far)})
	}
	if len(points) > 1 {
		slices.Reverse(below)
		band, err := plotter.NewPolygon(append(above, below...))
		if err != nil {
			return err
		}
		band.Color, band.LineStyle.Width = color.RGBA{R: 0xd5, G: 0xe3, B: 0xf0, A: 0xff}, 0
		p.Add(band)
		p.Legend.Add("by chance, 95 in 100", band)
	}
	p.Add(plotter.NewGrid())
	perfect, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	perfect.Dashes = []vg.Length{vg.Points(3), vg.Points(3)}
	p.Add(perfect)
	p.Legend.Add("as it should be", perfect)
	if len(points) == 0 {
		return nil
	}
	marks, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	marks.Shape, marks.Color, marks.Radius = draw.CircleGlyph{}, blue, vg.Points(3.5)
	p.Add(marks)
	p.Legend.Add("measured", marks)
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
	h.FillColor, h.LineStyle.Width = blue, 0
	p.Add(plotter.NewGrid(), h)
	return nil
}
