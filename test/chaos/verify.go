package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// verify holds what the run left in the topics against everything that knows better.
func (h *harness) verify(ctx context.Context, produced int) error {
	var problems []error
	check := func(what string, err error) {
		if err != nil {
			problems = append(problems, err)
			h.say("FAILED  %s", what)
			return
		}
		h.say("ok      %s", what)
	}
	asOf := ""
	err := h.await(ctx, 10*time.Second, "the last progress rows", func(context.Context) (err error) {
		asOf, err = h.lastWatermark(ctx)
		return err
	})
	if err != nil {
		return err
	}
	log, err := readLog(ctx, h.cluster)
	if err != nil {
		return err
	}
	out, err := readOutput(ctx, h.cluster)
	if err != nil {
		return err
	}
	if len(log) != produced {
		problems = append(problems, fmt.Errorf("%d events were acknowledged, the log has %d", produced, len(log)))
	}
	rows := h.file("rows.ndjson")
	err = errors.Join(out.writeRows(rows, asOf), writeLines(h.file("log.ndjson"), log), writeLines(h.file("letters.ndjson"), out.rejections()))
	if err != nil {
		return err
	}
	compared, err := replayed(ctx, h.processors[0], h.options, h.folder, log, out, asOf)
	check(fmt.Sprintf("%d rows and %d dead letters are those of replay, as of %s", compared, letters(out), asOf), err)
	text, err := h.oracle(ctx, rows, asOf)
	check("the oracle, from the events alone: "+text, err)
	text, err = asked(ctx, "the second calculation", "python3", filepath.Join(h.repo, "test/recompute/recompute.py"), rows)
	check("the other figures, from the movements alone: "+tail(text, 1), err)
	text, err = versions(out, h.delivery)
	check("versions in the order of reading: "+text, err)
	text, err = h.stalls()
	check("longest standstill: "+text, err)
	text, err = h.endings()
	check("processors: "+text, err)
	if h.delivery == exactlyOnce {
		text, err = h.java(ctx, rows)
		check("a Java consumer of committed records: "+text, err)
	}
	h.report()
	return errors.Join(problems...)
}

func (h *harness) file(name string) string { return filepath.Join(h.folder, name) }

// lastWatermark reads the progress topic from the start: the watch ended a little before.
func (h *harness) lastWatermark(ctx context.Context) (string, error) {
	w := &watch{positions: map[string]int64{}, rows: map[int]progress{}}
	if err := readAll(ctx, h.cluster, []string{prefix + "progress"}, func(r *kgo.Record) error {
		w.take(r)
		return nil
	}); err != nil {
		return "", err
	}
	h.watch.broken = w.broken
	return w.watermark(h.partitions)
}

func letters(out *output) int {
	n := 0
	for _, list := range out.letters {
		n += len(list)
	}
	return n
}

// oracle recomputes movements, months and metrics from the events, in another language.
func (h *harness) oracle(ctx context.Context, rows, asOf string) (string, error) {
	arguments := []string{filepath.Join(h.repo, "test/chaos/oracle/oracle.py"), "--as-of", asOf, "--letters", h.file("letters.ndjson")}
	for _, currency := range sorted(rates) {
		arguments = append(arguments, "--rate", currency+"="+rates[currency])
	}
	text, err := asked(ctx, "the oracle", "python3", append(arguments, h.file("log.ndjson"), rows)...)
	return tail(text, 1), err
}

// java runs the checker, a consumer that is not ours, over the output topics.
func (h *harness) java(ctx context.Context, rows string) (string, error) {
	text, err := asked(ctx, "the Java consumer", "java", "-Xmx768m", "-cp", filepath.Join(h.libs, "*"),
		filepath.Join(h.repo, "test/chaos/checker/Checker.java"), strings.Join(h.cluster.direct(), ","), prefix, rows)
	return tail(text, 1), err
}

// versions says whether a key's version went back or came twice in the order in which readers meet its
// rows; with delivery exactly once it must not.
func versions(out *output, delivery string) (string, error) {
	text := fmt.Sprintf("went back [%s], came twice [%s], dead letters sent twice %d", tallied(out.back), tallied(out.repeats), out.doubles)
	if delivery == exactlyOnce && len(out.back)+len(out.repeats)+out.doubles > 0 {
		return text, fmt.Errorf("exactly once is not what readers see: %s", text)
	}
	return text, nil
}

// stalls judges the longest standstill.
func (h *harness) stalls() (text string, err error) {
	w := h.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	text = fmt.Sprintf("%s, during%s", w.longest.Round(100*time.Millisecond), w.during)
	if w.longest > h.stall {
		err = fmt.Errorf("progress stood still for %s", text)
	}
	if len(w.broken) > 0 {
		err = errors.Join(err, fmt.Errorf("progress rows: %s", strings.Join(w.broken[:min(shown, len(w.broken))], "\n")))
	}
	return text, err
}

// endings judges how the processors' lives ended: only a supervisor's restart may have been needed.
func (h *harness) endings() (text string, err error) {
	all, lives := map[string]int{}, 0
	var fatal []string
	for _, p := range h.processors {
		p.mu.Lock()
		for how, n := range p.ends {
			all[how] += n
		}
		lives += p.lives
		fatal = append(fatal, p.fatal...)
		p.mu.Unlock()
	}
	if len(fatal) > 0 {
		err = fmt.Errorf("ended so that only a person could help:\n%s", strings.Join(fatal[:min(shown, len(fatal))], "\n"))
	}
	return fmt.Sprintf("%d lives: %s", lives, tallied(all)), err
}
