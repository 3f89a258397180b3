package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// generateProgress shows on a terminal how far generate is; elsewhere it shows nothing.
type generateProgress struct {
	w     io.Writer // nil when nothing is shown
	total int       // 0 when it is not known
	begun time.Time
	drawn time.Time
}

// newGenerateProgress draws only where a person looks on and the events do not go to the same
// screen.
func newGenerateProgress(cmd *cobra.Command, f generateFlags, total int) *generateProgress {
	p := &generateProgress{total: total, begun: time.Now()}
	if isTerminal(cmd.ErrOrStderr()) && (f.topic != "" || f.output != "-" || !isTerminal(cmd.OutOrStdout())) {
		p.w = cmd.ErrOrStderr()
	}
	return p
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// at redraws the line, at most ten times a second. A screen that is gone is no reason to stop.
func (p *generateProgress) at(sent int) {
	now := time.Now()
	if p.w == nil || now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = now
	_, _ = fmt.Fprintf(p.w, "\r\033[K%s", progressLine(sent, p.total, now.Sub(p.begun)))
}

// end clears the line.
func (p *generateProgress) end() {
	if p.w != nil && !p.drawn.IsZero() {
		_, _ = fmt.Fprint(p.w, "\r\033[K")
	}
}

func progressLine(sent, total int, elapsed time.Duration) string {
	perSecond := int64(sent) * int64(time.Second) / max(1, int64(elapsed))
	if total == 0 || sent > total { // mess adds records
		return fmt.Sprintf("%d records, %d a second", sent, perSecond)
	}
	return fmt.Sprintf("%d of %d records (%d %%), %d a second", sent, total, sent*100/total, perSecond)
}
