package main

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// plotsFolder is where the documents find the plots.
const plotsFolder = "performance"

const (
	plotWidth = 16 * vg.Centimeter
	plotRow   = 0.7 * vg.Centimeter
	plotFrame = 2.4 * vg.Centimeter // above and below the rows
	barWidth  = 0.42 * vg.Centimeter
)

var (
	subjectColor = color.RGBA{0x1b, 0x6c, 0xa8, 0xff}
	peerColor    = color.RGBA{0xb5, 0xbd, 0xc4, 0xff}
)

// writePlots draws the judged figure of each workload into dir.
func (r *Report) writePlots(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, o := range r.Workloads {
		if err := o.plot(filepath.Join(dir, o.Name+".svg")); err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
	}
	return nil
}

// plot is a bar for each peer, and on it a line from quartile to quartile.
func (o *Outcome) plot(file string) error {
	m := o.Metrics[0]
	var names []string
	var values plotter.Values
	var spread plotter.XYs
	p := plot.New()
	for _, r := range slices.Backward(o.Results) { // rows are drawn upwards
		if !r.measured() {
			continue
		}
		var samples []float64
		for _, s := range r.Samples {
			if s != nil {
				samples = append(samples, s[m.Name])
			}
		}
		at := float64(len(names))
		spread = append(spread, plotter.XY{X: quantile(samples, 0.25), Y: at}, plotter.XY{X: quantile(samples, 0.75), Y: at})
		names = append(names, fmt.Sprintf("   %s  %s", r.Peer, figure(r.Median[m.Name])))
		values = append(values, r.Median[m.Name])
	}
	if len(names) == 0 {
		return nil
	}
	p.Title.Text = o.Name
	p.X.Label.Text = strings.TrimSpace(m.Name + ", " + m.Unit + better(m))
	p.X.Min = 0
	p.NominalY(names...)
	for i := range values {
		if err := addBar(p, values[i], float64(i), strings.HasPrefix(strings.TrimSpace(names[i]), subject+" ")); err != nil {
			return err
		}
		line, err := plotter.NewLine(spread[2*i : 2*i+2])
		if err != nil {
			return err
		}
		line.Width = vg.Points(1.5)
		p.Add(line)
	}
	return p.Save(plotWidth, plotFrame+plotRow*vg.Length(len(names)), file)
}

func better(m Metric) string {
	if m.Rate {
		return "; more is better"
	}
	return "; less is better"
}

func addBar(p *plot.Plot, value, at float64, own bool) error {
	bar, err := plotter.NewBarChart(plotter.Values{value}, barWidth)
	if err != nil {
		return err
	}
	bar.Horizontal, bar.XMin, bar.LineStyle.Width = true, at, 0
	bar.Color = peerColor
	if own {
		bar.Color = subjectColor
	}
	p.Add(bar)
	return nil
}
