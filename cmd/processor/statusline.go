package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// statusLine is one line on a terminal that is drawn over itself. Without a terminal it shows
// nothing.
type statusLine struct {
	w     io.Writer // nil when nothing is shown
	drawn time.Time
}

// statusLineOn draws on w where w is a terminal and nothing else is printed there.
func statusLineOn(w io.Writer, alone bool) statusLine {
	if alone && isTerminal(w) {
		return statusLine{w: w}
	}
	return statusLine{}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// draw shows the text, at most ten times a second. A screen that is gone is no reason to stop.
func (l *statusLine) draw(text func() string) {
	now := time.Now()
	if l.w == nil || now.Sub(l.drawn) < 100*time.Millisecond {
		return
	}
	l.drawn = now
	_, _ = fmt.Fprintf(l.w, "\r\033[K%s", text())
}

// clear takes the line away.
func (l *statusLine) clear() {
	if l.w != nil && !l.drawn.IsZero() {
		_, _ = fmt.Fprint(l.w, "\r\033[K")
	}
}
