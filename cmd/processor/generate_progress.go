package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// generateProgress shows on a terminal how far generate is; elsewhere it shows nothing.
type generateProgress struct {
	line  statusLine
	total int // 0 when it is not known
	begun time.Time
}

// newGenerateProgress draws only where a person looks on and the events do not go to the same
// screen.
func newGenerateProgress(cmd *cobra.Command, f generateFlags, total int) *generateProgress {
	alone := f.topic != "" || f.output != "-" || !isTerminal(cmd.OutOrStdout())
	return &generateProgress{line: statusLineOn(cmd.ErrOrStderr(), alone), total: total, begun: time.Now()}
}

func (p *generateProgress) at(sent int) {
	p.line.draw(func() string { return progressLine(sent, p.total, time.Since(p.begun)) })
}

// end clears the line.
func (p *generateProgress) end() { p.line.clear() }

func progressLine(sent, total int, elapsed time.Duration) string {
	perSecond := int64(sent) * int64(time.Second) / max(1, int64(elapsed))
	if total == 0 || sent > total { // mess adds records
		return fmt.Sprintf("%d records, %d a second", sent, perSecond)
	}
	return fmt.Sprintf("%d of %d records (%d %%), %d a second", sent, total, sent*100/total, perSecond)
}
