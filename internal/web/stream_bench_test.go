package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"syscall"
	"testing"
	"time"

	"processor/internal/rollup"
	"processor/internal/web"
)

// BenchmarkViewers has figures that always change on their way to a number of viewers, each with a connection of
// its own on loopback: as much as all streams may have together. What counts is the processor time for it, in
// hundredths of one processor; the viewers' own reading is in it.
func BenchmarkViewers(b *testing.B) {
	for _, viewers := range []int{100, 1000} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) {
			board := web.NewBoard(web.BoardOptions{})
			for i := range 100 {
				board.Observe([]rollup.Row{month("region", fmt.Sprint("segment-", i), 3, 1000, int64(i))}, 1)
			}
			s, err := web.New(board, web.Options{Groupings: []string{"region"}, Streams: viewers, StreamEvery: 10 * time.Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			served := httptest.NewServer(s.Handler())
			defer served.Close()
			events := make(chan int, viewers)
			for range viewers {
				c, err := new(net.Dialer).DialContext(b.Context(), "tcp", served.Listener.Addr().String())
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					b.Fatal(err)
				}
				go func() {
					buffer := make([]byte, 64<<10)
					for {
						n, err := c.Read(buffer)
						if err != nil {
							return
						}
						events <- n
					}
				}()
			}
			bytes, begun, used := 0, time.Now(), processorTime(b)
			for n := 0; b.Loop(); {
				for wanted := bytes + 1<<20; bytes < wanted; n++ {
					board.SetStatus(web.Status{Phase: "running", Records: int64(n)})
					bytes += <-events
				}
			}
			wall := time.Since(begun).Seconds()
			b.ReportMetric(float64(bytes)/(1<<20)/wall, "MiB/s")
			b.ReportMetric(100*(processorTime(b)-used).Seconds()/wall, "%cpu")
		})
	}
}

// processorTime is what this process used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
