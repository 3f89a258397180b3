package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"processor/internal/web"
)

// runDemoCommand runs the command and returns what it printed and its exit code.
func runDemoCommand(ctx context.Context, args ...string) (out, errOut string, code int) {
	var stdout, stderr bytes.Buffer
	args = append([]string{"demo", "--address", "127.0.0.1:0"}, args...)
	code = execute(ctx, args, strings.NewReader(""), &stdout, &stderr)
	return stdout.String(), stderr.String(), code
}

// The whole way, through a broker, twice: the same figures, and rows that reconcile.
func TestDemoPrintsTheSameSummaryTwice(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	first, errOut, code := runDemoCommand(t.Context(), "--events", "1500", "--seed", "5", "--once")
	if code != exitFine {
		t.Fatalf("exit code %d: %s\n%s", code, errOut, first)
	}
	second, _, _ := runDemoCommand(t.Context(), "--events", "1500", "--seed", "5", "--once")
	if first != second {
		t.Errorf("two runs differ:\n%s\n%s", first, second)
	}
	lines := strings.Split(strings.TrimSpace(first), "\n")
	want := regexp.MustCompile(`^reconciled: opening \+ movements = closing for 30 accounts, [0-9]+ segments$`)
	if last := lines[len(lines)-1]; !want.MatchString(last) {
		t.Errorf("the last line is %q", last)
	}
	for _, part := range []string{"1,500 records", "opening", "closing", "expansion", "seat", "plan_tier,region", "enterprise,us", "latam"} {
		if !strings.Contains(first, part) {
			t.Errorf("no %q in the summary:\n%s", part, first)
		}
	}
	if strings.Contains(first, "\x1b") {
		t.Error("the table was drawn where there is no terminal")
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDemoOfAFile(t *testing.T) {
	lines := []string{
		`{"specversion":"1.0","id":"e1","source":"s","type":"subscription.changed","subject":"acme","time":"2026-01-05T10:00:00Z","data":{"subscription":"sub","status":"active","items":[{"item":"seats","product":"suite","plan":"pro","quantity":"4","unit_price":"25","currency":"USD","interval":{"unit":"month","count":1}}]}}`,
		`no event at all`,
		`{"specversion":"1.0","id":"e2","source":"s","type":"subscription.changed","subject":"acme","time":"2026-01-20T10:00:00Z","data":{"subscription":"sub","status":"active","items":[{"item":"seats","product":"suite","plan":"pro","quantity":"6","unit_price":"25","currency":"USD","interval":{"unit":"month","count":1}}]}}`,
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, code := runDemoCommand(t.Context(), "--file", file, "--once")
	if code != exitFine {
		t.Fatalf("exit code %d: %s\n%s", code, errOut, out)
	}
	for _, want := range []string{"3 records up to 2026-01-20", "new  +100.000000", "expansion   +50.000000", "closing   150.000000", "rejected: 1 not_json", "for 1 accounts, 5 segments"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// Stopped early, the demo closes over what it had sent by then.
func TestDemoClosesWhenItIsStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	out, errOut, code := runDemoCommand(ctx, "--events", "50000", "--rate", "1000")
	if code != exitFine || !strings.Contains(out, "50 records") || !strings.Contains(out, "reconciled: ") {
		t.Errorf("exit code %d: %s\n%s", code, errOut, out)
	}
}

func TestDemoRefusesWhatMakesNoSense(t *testing.T) {
	for _, test := range []struct{ args, word string }{
		{"--events 0", "--events"},
		{"--rate -1", "--rate"},
		{"--accounts -2", "accounts"},
		{"--file /nowhere/at.all", "/nowhere/at.all"},
		{"--evnts 5", "--events"},
	} {
		_, errOut, code := runDemoCommand(t.Context(), strings.Fields(test.args)...)
		if code != exitUsage || !strings.Contains(errOut, test.word) {
			t.Errorf("%s: exit code %d: %s", test.args, code, errOut)
		}
	}
}

// An address that was asked for and is taken is an error; only the default gives way.
func TestDemoSaysWhenTheAddressIsTaken(t *testing.T) {
	l, err := web.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, errOut, code := runDemoCommand(t.Context(), "--once", "--address", l.Addr().String())
	if code != exitFailed || !strings.Contains(errOut, l.Addr().String()) {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	d := demo{flags: demoFlags{address: l.Addr().String()}}
	other, err := d.listen(t.Context())
	if err != nil {
		t.Fatalf("the default did not give way: %v", err)
	}
	other.Close()
}

func TestDemoScreen(t *testing.T) {
	for name, want := range map[string]string{"eu": "eu", "a\x1b[2Jb\u202e": "a?[2Jb?", strings.Repeat("x", 40): strings.Repeat("x", 27) + "…", "bad\xff": "bad?"} {
		if got := printable(name); got != want {
			t.Errorf("printable(%q) = %q, want %q", name, got, want)
		}
	}
	for text, want := range map[string]string{"1": "1", "-123": "-123", "1234.500000": "1,234.500000", "-1234567": "-1,234,567", "123456": "123,456"} {
		if got := thousands(text); got != want {
			t.Errorf("thousands(%s) = %s, want %s", text, got, want)
		}
	}
	s := newDemoScreen(io.Discard, nil, "USD", "")
	s.draw() // no terminal: it does not even look at the board
}

// What the README shows is what its command prints.
func TestReadmeShowsTheDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty thousand records through a broker")
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(readme), "```\na made-up company")
	block, _, found := strings.Cut("a made-up company"+block, "```\n")
	if !found {
		t.Fatal("the README has no summary of the demo")
	}
	out, errOut, code := runDemoCommand(t.Context(), "--events", "50000", "--once")
	if code != exitFine {
		t.Fatalf("exit code %d: %s\n%s", code, errOut, out)
	}
	for part := range strings.SplitSeq(block, "…\n") { // stands for lines that are left out
		if !strings.Contains(out, strings.TrimSpace(part)) {
			t.Errorf("the demo does not print\n%s\nbut\n%s", part, out)
		}
	}
}
