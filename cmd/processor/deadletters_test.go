package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"processor/internal/doctor"
	"processor/internal/kafkatest"
)

// Revenue in a currency without a rate is rejected; after the rate is there it is sent back, and counts.
func TestARejectedRecordGoesBack(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 1, kafkatest.AppendTime)
	k.Produce(t, topic, kafkatest.Record{Key: "acme", Value: strings.Replace(oneEvent, `"USD"`, `"EUR"`, 1)})
	dir := filepath.Join(t.TempDir(), "state")
	before, after := serviceYAML(k, topic, dir, ""), serviceYAML(k, topic, dir, "reporting: {rates: [{EUR: \"1.10\"}]}\n")
	if code, log := runService(t, before, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	file := written(t, "processor.yaml", after)
	list := func(args ...string) []printedLetter {
		t.Helper()
		code, out, errOut := command(t, append([]string{"dead-letters", "list", "--config", file, "-o", "json"}, args...)...)
		if code != exitFine {
			t.Fatalf("%v: %d %s", args, code, errOut)
		}
		var all []printedLetter
		for line := range strings.Lines(out) {
			var l printedLetter
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatal(err)
			}
			all = append(all, l)
		}
		return all
	}
	if l := list(); len(l) != 1 || l[0].Reason != "missing_rate" || l[0].Topic != topic || l[0].Redriven || l[0].Value != nil || !strings.Contains(l[0].Detail, "currency") {
		t.Fatalf("%+v", l)
	}
	if l := list("--values", "--reason", "missing_rate", "--since", "1h"); len(l) != 1 || *l[0].Key != "acme" || !strings.Contains(*l[0].Value, `"EUR"`) {
		t.Errorf("%+v", l)
	}
	if l := list("--until", "1h"); len(l) != 0 {
		t.Errorf("%+v", l)
	}
	if code, out, errOut := command(t, "rebuild", "--from", "checkpoint", "--config", file); code != exitFine {
		t.Fatalf("%d %s%s", code, out, errOut)
	}
	for _, s := range []struct{ args, says string }{
		{"--dry-run", "1 record would be sent back\n  1 to " + topic + "\n"},
		{"--reason not_json", "0 records sent back\n"},
		{"", "1 record sent back\n  1 to " + topic + "\n"},
		{"", "0 records sent back\nleft out: 1 were sent back before\n"},
	} {
		code, out, errOut := command(t, append([]string{"dead-letters", "redrive", "--config", file}, strings.Fields(s.args)...)...)
		if code != exitFine || out != s.says {
			t.Errorf("%q: %d %q%s, want %q", s.args, code, out, errOut, s.says)
		}
	}
	if l := list(); len(l) != 1 || !l[0].Redriven {
		t.Errorf("%+v", l)
	}
	if code, log := runService(t, after, "caught up"); code != exitFine {
		t.Fatalf("exit code %d, log:\n%s", code, log)
	}
	if code, out, errOut := command(t, "explain", "acme", "--config", file); code != exitFine || !strings.Contains(out, "11.00") {
		t.Errorf("%d %s%s", code, out, errOut)
	}
	for _, format := range []string{"table", "csv"} {
		if code, out, _ := command(t, "dead-letters", "list", "--config", file, "-o", format, "--values"); code != exitFine || !strings.Contains(out, "missing_rate") {
			t.Errorf("-o %s: %d %s", format, code, out)
		}
	}
}

func TestMistakesWithDeadLetters(t *testing.T) {
	file := written(t, "processor.yaml", "kafka: {brokers: [\"127.0.0.1:1\"]}\ngroup: g\nsources: [{topic: billing.events}]\n")
	for _, c := range []struct{ args, says string }{
		{"list --reason missing_rat", `--reason "missing_rat" is none; did you mean "missing_rate"?`},
		{"list --source billing.event", `--source "billing.event" is none of the configuration; did you mean "billing.events"?`},
		{"list --since yesterday", `--since: "yesterday" is neither a length such as 24h or 7d nor an RFC 3339 time`},
		{"list --limit -1", "--limit -1: it must be 1 or more"},
		{"list -o yaml", `-o is table, json or csv, not "yaml"`},
		{"redrive --dryrun", "did you mean --dry-run?"},
	} {
		code, out, errOut := command(t, append(append([]string{"dead-letters"}, strings.Fields(c.args)...), "--config", file)...)
		if code != exitUsage || out != "" || !strings.Contains(errOut, c.says) {
			t.Errorf("%s: %d %s%s, want %s", c.args, code, out, errOut, c.says)
		}
	}
	if code, _, errOut := command(t, "dead-letters", "list", "--config", file); code != exitFailed || !strings.Contains(errOut, "nothing listens there: check the ports of kafka.brokers") {
		t.Errorf("no broker: %d %s", code, errOut)
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "2h": now.Add(-2 * time.Hour), "7d": now.AddDate(0, 0, -7), "2026-02-01T00:00:00Z": time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := moment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %s (%v), want %s", text, got, err, want)
		}
	}
}

// What a terminal or a spreadsheet could take for something else is not printed as it is.
func TestPrintedTextsAreHarmless(t *testing.T) {
	if got := oneLine("a\x1b[31mb\nc\u202ed", 80); got != "a.[31mb.c.d" {
		t.Errorf("%q", got)
	}
	if got := oneLine("abcdef", 3); got != "abc..." {
		t.Errorf("%q", got)
	}
}

// Scripts go by the exit code of doctor.
func TestDoctorExitCodes(t *testing.T) {
	for want, severity := range map[int]doctor.Severity{exitFine: doctor.Note, exitFailed: doctor.Warning, exitUsage: doctor.Error} {
		if got := exitCode(doctorError([]doctor.Finding{{Severity: doctor.Fine}, {Severity: severity}})); got != want {
			t.Errorf("%s: exit code %d, want %d", severity, got, want)
		}
	}
	file := written(t, "processor.yaml", "kafka: {brokers: [\"127.0.0.1:1\"]}\ngroup: g\nsources: [{topic: billing.events}]\ncheckpoint: {dir: "+filepath.Join(t.TempDir(), "s")+"}\n")
	code, out, _ := command(t, "doctor", "--config", file)
	if code != exitUsage || !strings.Contains(out, "error    brokers.reachable") || !strings.Contains(out, "-> nothing listens there") {
		t.Errorf("%d %s", code, out)
	}
	code, out, _ = command(t, "doctor", "--config", file, "-o", "json")
	var findings []doctor.Finding
	if err := json.Unmarshal([]byte(out), &findings); code != exitUsage || err != nil || len(findings) == 0 {
		t.Errorf("%d %v %s", code, err, out)
	}
}
