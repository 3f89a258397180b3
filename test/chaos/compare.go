package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shown is how many differences are shown of each kind.
const shown = 5

// difference collects what is not as it must be.
type difference struct {
	count int
	lines []string
}

func (d *difference) add(format string, args ...any) {
	d.count++
	if len(d.lines) < shown {
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	}
}

func (d *difference) err(what string) error {
	if d.count == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d differences, such as\n%s", what, d.count, strings.Join(d.lines, "\n"))
}

// replayed runs `processor replay` over the log and holds the final rows and the dead letters against
// what it prints.
func replayed(ctx context.Context, p *processor, o *options, folder string, log []logged, out *output, asOf string) (compared int, err error) {
	events := filepath.Join(folder, "events.ndjson")
	var text strings.Builder
	for _, r := range log {
		text.WriteString(strings.ReplaceAll(r.Value, "\n", " "))
		text.WriteByte('\n')
	}
	if err := os.WriteFile(events, []byte(text.String()), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, p.binary, "replay", events, "--config", p.config(), "--as-of", asOf, "--shards", fmt.Sprint(o.partitions))
	var problems strings.Builder
	cmd.Stderr = &problems
	rows, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("replay: %w: %s", err, problems.String())
	}
	if err := os.WriteFile(filepath.Join(folder, "replayed.ndjson"), rows, 0o600); err != nil {
		return 0, err
	}
	return compareRows(string(rows), log, out)
}

func compareRows(rows string, log []logged, out *output) (compared int, err error) {
	var wrong difference
	seen := map[string]struct{}{}
	rejected := map[int]string{}
	lines := bufio.NewScanner(strings.NewReader(rows))
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r struct {
			Topic string          `json:"topic"`
			Key   json.RawMessage `json:"key"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return compared, fmt.Errorf("a row of replay: %w", err)
		}
		if r.Topic == "dead-letters" {
			var letter struct {
				Offset         int
				Reason, Detail string
			}
			if err := json.Unmarshal(r.Value, &letter); err != nil {
				return compared, fmt.Errorf("a dead letter of replay: %w", err)
			}
			rejected[letter.Offset] = letter.Reason + " " + letter.Detail
			continue
		}
		name := r.Topic + " " + string(r.Key)
		want, _, _, err := parted(r.Value)
		if err != nil {
			return compared, fmt.Errorf("a row of replay: %w", err)
		}
		seen[name] = struct{}{}
		compared++
		if got, ok := out.rows[name]; !ok {
			wrong.add("%s is missing, replay has\n  %s", name, want)
		} else if got != want {
			wrong.add("%s\n  got    %s\n  replay %s", name, got, want)
		}
	}
	for _, name := range sorted(out.rows) {
		if _, ok := seen[name]; !ok {
			wrong.add("%s is too much:\n  %s", name, out.rows[name])
		}
	}
	if compared == 0 {
		wrong.add("replay gives no rows: this proves nothing")
	}
	return compared, errors.Join(lines.Err(), wrong.err("rows and replay"), compareLetters(rejected, log, out))
}

// compareLetters holds the dead letters against those of replay, which judges without a clock: it does
// not read what comes from the future.
func compareLetters(rejected map[int]string, log []logged, out *output) error {
	var wrong difference
	for i, r := range log {
		got := out.letters[place{sourceTopic, r.Partition}][r.Offset]
		want := rejected[i]
		if want == "" && strings.HasPrefix(got, "future_time ") && strings.Contains(r.Value, `"time":"2190-`) {
			continue
		}
		if got != want {
			wrong.add("the dead letter of %d/%d is %q, replay has %q", r.Partition, r.Offset, got, want)
		}
	}
	return wrong.err("dead letters and replay")
}

// asked runs a program of another language over files and wants it to end well.
func asked(ctx context.Context, what, program string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, arguments...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	text := string(out)
	if err != nil {
		if strings.TrimSpace(text) == "" { // it did not come to say what differs
			text = problems.String()
		}
		err = fmt.Errorf("%s: %w\n%s", what, err, tail(text, 30))
	}
	return text, err
}

// tail is the last lines of a text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
