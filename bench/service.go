package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// service runs the whole program over the topic, from nothing until every event is read, and stops
// it in good order. Each round is a deployment of its own: group, output topics, checkpoint.
func (o *options) service(ctx context.Context, delivery string, round int) (figure, error) {
	dir, err := os.MkdirTemp("", "processor-bench")
	if err != nil {
		return figure{}, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	address, err := freeAddress(ctx)
	if err != nil {
		return figure{}, err
	}
	config := filepath.Join(dir, "processor.yaml")
	if err := os.WriteFile(config, []byte(o.config(dir, address, delivery, round)), 0o600); err != nil {
		return figure{}, fmt.Errorf("write the configuration: %w", err)
	}
	cmd := exec.CommandContext(ctx, o.processor, "run", "--config", config)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return figure{}, fmt.Errorf("start the service: %w", err)
	}
	wall, err := o.awaitRead(ctx, "http://"+address+"/metrics", start)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return figure{}, err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return figure{}, fmt.Errorf("stop the service: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return figure{}, fmt.Errorf("the service ended badly: %w", err)
	}
	return finished(cmd, wall), nil
}

func (o *options) config(dir, address, delivery string, round int) string {
	name := fmt.Sprintf("bench-%d-%d-%s", time.Now().Unix(), round, delivery)
	return fmt.Sprintf(`kafka: {brokers: [%q]}
group: %s
sources: [{topic: %s, format: native, keyed_by_account: true}]
output: {prefix: "%s.", delivery: %s}
checkpoint: {store: dir, dir: %q, interval: 10s}
groupings: [[region], [plan_tier, region]]
http: {address: %q}
`, strings.Join(o.brokers, `", "`), name, o.topic, name, delivery, filepath.Join(dir, "state"), address)
}

func freeAddress(ctx context.Context) (string, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// awaitRead waits until the service has read every event, for at most 15 minutes.
func (o *options) awaitRead(ctx context.Context, url string, start time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for the service to read %d events: %w", o.events, ctx.Err())
		case <-tick.C:
			if n, err := recordsRead(ctx, url); err == nil && n >= o.events {
				return time.Since(start), nil
			}
		}
	}
}

// recordsRead sums the service's counter of records.
func recordsRead(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	total := 0
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "expansion_records_total{") {
			n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, err
			}
			total += int(n)
		}
	}
	return total, lines.Err()
}
