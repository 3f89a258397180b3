package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// readWithin bounds how long a process may take to read every event.
const readWithin = 15 * time.Minute

// untilRead starts a process, waits until it has read every event, stops it in good order, and says what
// it used. Its exit code must be 0 or the one that is named.
func (o *options) untilRead(ctx context.Context, cmd *exec.Cmd, read func(context.Context) (int, error), code int) (figure, error) {
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return figure{}, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	wall, err := o.awaitRead(ctx, read, start)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return figure{}, err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return figure{}, fmt.Errorf("stop %s: %w", cmd.Path, err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == code) {
		return figure{}, fmt.Errorf("%s ended badly: %w", cmd.Path, err)
	}
	return finished(cmd, wall), nil
}

// lookEvery is how often a process is asked how far it is.
const lookEvery = 500 * time.Millisecond

// awaitRead asks how far a process is until it has read every event. An error is asked again: it may only
// be about to begin.
func (o *options) awaitRead(ctx context.Context, read func(context.Context) (int, error), start time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	tick := time.NewTicker(lookEvery) // a look costs the service something
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait until %d events are read: %w", o.events, ctx.Err())
		case <-tick.C:
			if n, err := read(ctx); err == nil && n >= o.events {
				return time.Since(start), nil
			}
		}
	}
}
