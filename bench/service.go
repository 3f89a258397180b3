package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	name := fmt.Sprintf("bench-%d-%d-%s", time.Now().Unix(), round, delivery)
	config := filepath.Join(dir, "processor.yaml")
	cmd, err := o.configured(ctx, config, o.config(name, dir, address, delivery, serviceSettings{}))
	if err != nil {
		return figure{}, err
	}
	var last counts
	read := func(ctx context.Context) (int, error) {
		now, err := scrape(ctx, "http://"+address+"/metrics")
		if err == nil {
			last = now
		}
		return int(now.records), err
	}
	stopCrowd, err := o.startCrowd(ctx, address)
	if err != nil {
		return figure{}, err
	}
	f, err := o.untilRead(ctx, cmd, read, 0)
	err = errors.Join(err, stopCrowd())
	f.rows, f.saved = last.rows, last.saved
	if err != nil || !o.restarts {
		return f, err
	}
	again, err := o.restart(ctx, config, address)
	if err != nil {
		return f, fmt.Errorf("restart: %w", err)
	}
	fmt.Printf("%-*s ready after %.2f s, CPU %.2f s, peak %d MB\n", widest+8, "restart of "+delivery, again.wall.Seconds(), again.cpu.Seconds(), again.peak>>20)
	return f, nil
}

// configured is the service with a configuration, which it writes into a file.
func (o *options) configured(ctx context.Context, file, config string) (*exec.Cmd, error) {
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return o.command(ctx, file), nil
}

// command is the service with the configuration of a file.
func (o *options) command(ctx context.Context, file string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.processor, "run", "--config", file)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT="+o.memory)
	cmd.Stderr = os.Stderr
	return cmd
}

// serviceSettings are those in which measurements differ: lines of YAML, empty for the defaults.
type serviceSettings struct{ output, rules string }

// config is the configuration of one deployment, whose group and output topics have its name.
func (o *options) config(name, dir, address, delivery string, more serviceSettings) string {
	return fmt.Sprintf(`kafka: {brokers: [%q]}
group: %s
sources: [{topic: %s, format: native, keyed_by_account: true}]
output: {prefix: "%s.", delivery: %s%s}
checkpoint: {store: %s, dir: %q, interval: 10s}
groupings: [[region], [plan_tier, region]]
%shttp: {address: %q, max_connections: 4096, max_streams: 2048}
%s`, strings.Join(o.brokers, `", "`), name, o.topic, name, delivery, more.output, o.store, filepath.Join(dir, "state"), o.limits(), address, more.rules)
}

// limits is the line of the configuration, if there is anything to limit.
func (o *options) limits() string {
	if o.openBytes == "" {
		return ""
	}
	return "limits: {open_account_bytes: " + o.openBytes + "}\n"
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

// counts are the service's counters, summed over their labels.
type counts struct{ records, rows, saved float64 }

// scrape reads them.
func scrape(ctx context.Context, url string) (c counts, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return c, err
	}
	request.Header.Set("Accept-Encoding", "identity") // packing it would be the service's work
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return c, err
	}
	defer func() { _ = response.Body.Close() }()
	sums := map[string]*float64{
		"expansion_records_total": &c.records, "expansion_rows_total": &c.rows, "expansion_checkpoint_bytes_total": &c.saved,
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		sum := sums[line[:max(strings.IndexAny(line, "{ "), 0)]]
		if sum == nil {
			continue
		}
		n, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return c, err
		}
		*sum += n
	}
	return c, lines.Err()
}
