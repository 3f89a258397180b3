package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// replayProgress is a bar on a terminal that says how much of the files is read.
type replayProgress struct {
	line  statusLine
	read  int64
	total int64 // bytes; 0 when it is not known, as of standard input
}

// sizeOf is how many bytes the files have; 0 when one of them cannot say.
func sizeOf(files []string) (total int64) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		total += info.Size()
	}
	return total
}

// over is the reader with the bar beside it.
func (p *replayProgress) over(r io.Reader) io.Reader { return &watchedReader{r, p} }

type watchedReader struct {
	io.Reader
	bar *replayProgress
}

// Read reads, and moves the bar.
func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.bar.read += int64(n)
	w.bar.line.draw(func() string { return bar(w.bar.read, w.bar.total) })
	return n, err
}

// barWidth is the number of places of a full bar.
const barWidth = 40

func bar(read, total int64) string {
	if total <= 0 {
		return fmt.Sprintf("%d MB read", read>>20)
	}
	done := int(min(read, total) * barWidth / total)
	return fmt.Sprintf("[%s%s] %3d %% of %d MB", strings.Repeat("=", done), strings.Repeat(" ", barWidth-done), min(read, total)*100/total, total>>20)
}
