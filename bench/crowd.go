package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"processor/internal/broker"
)

// besideCrowd measures the service with and without a crowd of readers, in turn, and prints what they cost it.
// The crowd is a process of its own: its processor time is not the service's, but it has the same processors.
func (o *options) besideCrowd(ctx context.Context) error {
	if err := o.load(ctx); err != nil {
		return err
	}
	alone, crowded := *o, *o
	alone.viewers, alone.slow = 0, 0
	var without, with []figure
	for round := range o.rounds {
		for _, one := range []struct {
			name    string
			options *options
			to      *[]figure
		}{{"alone", &alone, &without}, {"with the crowd", &crowded, &with}} {
			f, err := one.options.service(ctx, atLeastOnce, round)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", one.name, round+1, err)
			}
			*one.to = append(*one.to, f)
			fmt.Printf("round %d %-*s %s\n", round+1, widest, one.name, o.show(f))
		}
	}
	a, b := median(without), median(with)
	fmt.Printf("\n%d viewers and %d slow clients: ingestion at %.3f of the rate for each CPU second, %.3f of the rate on this machine (the crowd runs here too)\n",
		o.viewers, o.slow, float64(a.cpu)/float64(b.cpu), float64(a.wall)/float64(b.wall))
	return nil
}

// startCrowd starts the crowd in front of an address; stop ends it, and says how many viewers it had.
func (o *options) startCrowd(ctx context.Context, address string) (stop func() error, err error) {
	if o.viewers+o.slow == 0 {
		return func() error { return nil }, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, self, "-phase", "crowd", "-address", address, "-viewers", strconv.Itoa(o.viewers), "-slow", strconv.Itoa(o.slow))
	cmd.Env = append(os.Environ(), "KAFKA_BROKERS="+o.brokers[0])
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the crowd: %w", err)
	}
	return func() error {
		cancel()
		_ = cmd.Wait() // it was told to end
		return nil
	}, nil
}

// crowd is that process: viewers who read every event of their stream, and clients who send a header a byte
// at a time. Who is let go comes again.
func (o *options) crowd(ctx context.Context) error {
	var open, most, events atomic.Int64
	var all sync.WaitGroup
	again := func(one func(context.Context, net.Conn)) {
		for ctx.Err() == nil {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", o.address)
			if err != nil {
				_ = broker.Sleep(ctx, 100*time.Millisecond)
				continue
			}
			end := context.AfterFunc(ctx, func() { _ = c.Close() })
			one(ctx, c)
			end()
			_ = c.Close()
		}
	}
	for range o.viewers {
		all.Go(func() {
			buffer := make([]byte, 32<<10)
			again(func(ctx context.Context, c net.Conn) {
				if _, err := io.WriteString(c, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
					return
				}
				most.Store(max(most.Load(), open.Add(1)))
				defer open.Add(-1)
				for ctx.Err() == nil {
					n, err := c.Read(buffer)
					if err != nil {
						return
					}
					events.Add(int64(n))
				}
			})
		})
	}
	for range o.slow {
		all.Go(func() {
			again(func(ctx context.Context, c net.Conn) {
				for _, b := range []byte("GET /livez HTTP/1.1\r\nX-Slow: so slow that it never comes to its end") {
					if _, err := c.Write([]byte{b}); err != nil || broker.Sleep(ctx, time.Second) != nil {
						return
					}
				}
			})
		})
	}
	all.Wait()
	fmt.Printf("        the crowd had at most %d streams at once and read %d MB of them\n", most.Load(), events.Load()>>20)
	return nil
}
