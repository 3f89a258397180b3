package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// restart starts a service that has stopped in good order, and says how long it takes to be ready again: its
// state read and derived, and nothing left to read.
func (o *options) restart(ctx context.Context, config, address string) (figure, error) {
	cmd := o.command(ctx, config)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return figure{}, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	err := awaitReady(ctx, address)
	wall := time.Since(start)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if waited := cmd.Wait(); err == nil && waited != nil {
		err = fmt.Errorf("%s ended badly: %w", cmd.Path, waited)
	}
	return finished(cmd, wall), err
}
