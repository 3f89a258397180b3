package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestReplayBar(t *testing.T) {
	for _, c := range []struct {
		read, total int64
		want        string
	}{
		{0, 4 << 20, "[" + strings.Repeat(" ", 40) + "]   0 % of 4 MB"},
		{1 << 20, 4 << 20, "[" + strings.Repeat("=", 10) + strings.Repeat(" ", 30) + "]  25 % of 4 MB"},
		{4 << 20, 4 << 20, "[" + strings.Repeat("=", 40) + "] 100 % of 4 MB"},
		{5 << 20, 4 << 20, "[" + strings.Repeat("=", 40) + "] 100 % of 4 MB"}, // the file grew
		{3 << 20, 0, "3 MB read"},
	} {
		if got := bar(c.read, c.total); got != c.want {
			t.Errorf("bar(%d, %d) = %q, want %q", c.read, c.total, got, c.want)
		}
	}
}

// Beside the bar the bytes pass unchanged, and without a terminal nothing is drawn.
func TestReplayBarReadsThrough(t *testing.T) {
	var screen bytes.Buffer
	p := &replayProgress{line: statusLineOn(&screen, true), total: 5}
	got, err := io.ReadAll(p.over(strings.NewReader("a\nb\nc")))
	if err != nil || string(got) != "a\nb\nc" || p.read != 5 {
		t.Errorf("read %q, %v; counted %d", got, err, p.read)
	}
	if screen.Len() > 0 {
		t.Errorf("drawn on what is no terminal: %q", screen.String())
	}
}
