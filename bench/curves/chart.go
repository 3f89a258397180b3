package curves

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
)

// point is one of a line.
type point struct{ x, y float64 }

// axis is what a direction of a chart means.
type axis struct {
	unit   string
	logged bool
}

// chart is a line over points, which are in the order of x.
type chart struct {
	title  string
	x, y   axis
	points []point
}

// The picture, in pixels, and the room around its lines.
const (
	width, height            = 640, 360
	left, right, top, bottom = 72, 24, 44, 56
)

// svg draws the chart. Its colours are those of the text around it, so that it can be read on light and on dark.
func (c *chart) svg() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="13">`+"\n", width, height)
	b.WriteString("<style>text{fill:#24292f}.grid{stroke:#8886;fill:none}.line{stroke:#0969da;fill:none;stroke-width:2}.dot{fill:#0969da}" +
		"@media(prefers-color-scheme:dark){text{fill:#e6edf3}.line{stroke:#58a6ff}.dot{fill:#58a6ff}}</style>\n")
	fmt.Fprintf(&b, `<title>%[1]s</title><text x="%[2]d" y="24" font-size="15" font-weight="bold">%[1]s</text>`+"\n", html.EscapeString(c.title), left)
	xs, ys := c.scales()
	for _, at := range ys.ticks {
		y := height - bottom - ys.place(at)*(height-top-bottom)
		fmt.Fprintf(&b, `<path class="grid" d="M%d %.1fH%d"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", left, y, width-right, left-8, y+4, short(at))
	}
	for _, at := range xs.ticks {
		x := left + xs.place(at)*(width-left-right)
		fmt.Fprintf(&b, `<path class="grid" d="M%.1f %dv5"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x, height-bottom, x, height-bottom+20, short(at))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-12, html.EscapeString(c.x.named()))
	fmt.Fprintf(&b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-bottom)/2, html.EscapeString(c.y.named()))
	var line, dots bytes.Buffer
	for i, p := range c.points {
		x, y := left+xs.place(p.x)*(width-left-right), height-bottom-ys.place(p.y)*(height-top-bottom)
		fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
		fmt.Fprintf(&dots, `<circle class="dot" cx="%.1f" cy="%.1f" r="3.5"><title>%s: %s</title></circle>`+"\n", x, y, short(p.x), short(p.y))
	}
	fmt.Fprintf(&b, `<path class="line" d="%s"/>`+"\n%s</svg>\n", line.Bytes(), dots.Bytes())
	return b.Bytes()
}

func (a axis) named() string {
	if a.logged {
		return a.unit + " (log scale)"
	}
	return a.unit
}

// scale places values between 0 and 1.
type scale struct {
	low, high float64
	logged    bool
	ticks     []float64
}

func (s *scale) place(v float64) float64 {
	if s.logged {
		return math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return (v - s.low) / (s.high - s.low)
}

// scales are those of the two axes. x has a tick at each point; y begins at 0, or at a power of ten.
func (c *chart) scales() (x, y scale) {
	x = scale{low: c.points[0].x, high: c.points[len(c.points)-1].x, logged: c.x.logged}
	least, most := c.points[0].y, c.points[0].y
	for _, p := range c.points {
		x.ticks = append(x.ticks, p.x)
		least, most = min(least, p.y), max(most, p.y)
	}
	if c.y.logged {
		y = scale{low: math.Pow(10, math.Floor(math.Log10(least))), high: math.Pow(10, math.Ceil(math.Log10(most))), logged: true}
		for at := y.low; at <= y.high*1.01; at *= 10 {
			y.ticks = append(y.ticks, at)
		}
		return x, y
	}
	step := stepOf(most)
	for at := 0.0; len(y.ticks) == 0 || y.ticks[len(y.ticks)-1] < most; at += step {
		y.ticks = append(y.ticks, at)
	}
	y.high = y.ticks[len(y.ticks)-1]
	return x, y
}

// stepOf is 1, 2 or 5 times a power of ten, of which about five come to the largest value.
func stepOf(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, times := range []float64{1, 2, 5} {
		if power*times*5 >= most {
			return power * times
		}
	}
	return power * 10
}

// short is a number in few characters.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	default:
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
}
