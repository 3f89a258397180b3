package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/row"
	"processor/internal/sink"
	"processor/internal/web"
)

// explained runs `processor explain` in this process.
func explained(t *testing.T, arguments ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), append([]string{"explain"}, arguments...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// explanationOf runs it for an account that is known.
func explanationOf(t *testing.T, arguments ...string) *row.Explanation {
	t.Helper()
	code, out, errOut := explained(t, append(arguments, "-o", "json")...)
	x := new(row.Explanation)
	if err := json.Unmarshal([]byte(out), x); code != exitFine || err != nil {
		t.Fatalf("explain %q: exit code %d, %v: %s", arguments, code, err, errOut)
	}
	return x
}

// explainEvents are the records of three accounts in two partitions, in the order in which they are
// sent: the account of most of them has others between its own, and one record twice.
func explainEvents() []kafkatest.Record {
	snapshot := `{"specversion":"1.0","id":%q,"source":"test","type":"subscription.changed","subject":%q,"time":%q,` +
		`"data":{"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","quantity":"%d","unit_price":"10","currency":"USD"},` +
		`{"item":"api","product":"api","kind":"metered","unit_price":"1","currency":"USD"}]%s}}`
	usage := `{"specversion":"1.0","id":%q,"source":"meter","type":"usage.recorded","subject":%q,"time":%q,"data":{"subscription":"s1","item":"api","quantity":"100"}}`
	var records []kafkatest.Record
	send := func(account, format string, values ...any) {
		records = append(records, kafkatest.Record{
			Key: account, Value: fmt.Sprintf(format, values...), Partition: int32(sink.Partition([]byte(account), 2)), //nolint:gosec // 0 or 1
		})
	}
	send("beta", snapshot, "b1", "beta", "2026-03-01T00:00:00Z", 1, "")
	send("acme", snapshot, "e1", "acme", "2026-03-01T00:00:00Z", 1, "")
	send("gamma", snapshot, "g1", "gamma", "2026-03-01T00:00:00Z", 1, "")
	send("acme", usage, "u1", "acme", "2026-03-05T00:00:00Z")
	send("acme", snapshot, "e1", "acme", "2026-03-01T00:00:00Z", 1, "") // again: the first position stays
	send("beta", usage, "b2", "beta", "2026-03-05T00:00:00Z")
	send("acme", snapshot, "e2", "acme", "2026-03-10T00:00:00Z", 3, `,"cancel_at":"2026-06-01T00:00:00Z"`)
	send("gamma", usage, "g2", "gamma", "2026-03-05T00:00:00Z")
	send("acme", snapshot, "e3", "acme", "2026-03-10T00:30:00Z", 4, "")
	send("acme", `{"specversion":"1.0","id":"r1","source":"test","type":"event.revoked","subject":"acme","time":"2026-03-11T00:00:00Z","data":{"revokes":{"source":"test","id":"e4"}}}`)
	send("acme", snapshot, "e4", "acme", "2026-03-12T00:00:00Z", 9, "")
	return records
}

var servedAt = regexp.MustCompile(`"address":"(127\.0\.0\.1:\d+)"`)

// A running service, the checkpoint that it leaves, and the events as a file tell the same of an
// account, and the position of each event is that of its record in Kafka.
func TestExplainSources(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "events", 2, kafkatest.AppendTime)
	for _, r := range explainEvents() {
		k.Produce(t, topic, r) // one by one, so that their order is that of the list
	}
	dir := filepath.Join(t.TempDir(), "state")
	config := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(config, []byte(serviceYAML(k, topic, dir, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	address, running, stop := startService(t, config)
	url := "http://" + address

	served := explanationOf(t, "acme", "--url", url)
	positionsAreTheRecords(t, served, k.Read(t, topic), topic)
	if len(served.Movements) != 7 || served.Closing != served.MRR {
		t.Fatalf("%d movements close at %s, the MRR is %s", len(served.Movements), served.Closing, served.MRR)
	}
	code, table, _ := explained(t, "acme", "--url", url, "--interval", "2026-03")
	if code != exitFine || !strings.Contains(table, "opening 0.00 + movements") {
		t.Errorf("exit code %d: %s", code, table)
	}
	if code, _, errOut := explained(t, "acm", "--url", url+"/"); code != exitFailed || !strings.Contains(errOut, `there is no account "acm"; did you mean "acme"?`) {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if code, _, errOut := explained(t, "acme", "--url", url+"/elsewhere"); code != exitFailed || !strings.Contains(errOut, "is it the address of a processor") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if code, _, errOut := explained(t, "acme", "--config", config); code != exitUsage || !strings.Contains(errOut, "ask the service with --url") {
		t.Errorf("beside a running service: exit code %d: %s", code, errOut)
	}
	stop()
	if code := <-running; code != exitFine {
		t.Fatalf("the service ended with %d", code)
	}

	kept := explanationOf(t, "acme", "--checkpoint", dir)
	sameExplanation(t, "the checkpoint", kept, served)
	sameExplanation(t, "the configuration's checkpoint", explanationOf(t, "acme", "--config", config), served)
	if code, _, errOut := explained(t, "gama", "--checkpoint", dir); code != exitFailed || !strings.Contains(errOut, `did you mean "gamma"?`) {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte("reporting: {currency: EUR}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := explained(t, "acme", "--checkpoint", dir, "--config", other); code != exitUsage || !strings.Contains(errOut, "name the configuration of the service with --config") {
		t.Errorf("under another configuration: exit code %d: %s", code, errOut)
	}

	file := filepath.Join(t.TempDir(), "events.ndjson")
	var lines strings.Builder
	for _, r := range explainEvents() {
		lines.WriteString(r.Value + "\n")
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	replayed := explanationOf(t, "acme", "--file", file, "--as-of", kept.AsOf)
	for i := range replayed.Movements {
		for j := range replayed.Movements[i].Events {
			e := &replayed.Movements[i].Events[j]
			if value := explainEvents()[*e.Offset].Value; *e.Topic != file || *e.Partition != 0 || !strings.Contains(value, `"id":"`+e.ID+`"`) {
				t.Errorf("event %s is said to be in line %d of %s: %s", e.ID, *e.Offset, *e.Topic, value)
			}
			e.Topic, e.Partition, e.Offset = served.Movements[i].Events[j].Topic, served.Movements[i].Events[j].Partition, served.Movements[i].Events[j].Offset
		}
	}
	sameExplanation(t, "the file", replayed, served)
}

// startService runs the service until it has caught up; stop asks it to end, and its exit code comes
// out of running.
func startService(t *testing.T, config string) (address string, running <-chan int, stop func()) {
	t.Helper()
	ready, ended := make(chan string, 1), make(chan int, 1)
	at := ""
	lines := &logLines{}
	lines.seen = func(line string) {
		if m := servedAt.FindStringSubmatch(line); m != nil {
			at = m[1]
		}
		if strings.Contains(line, "caught up with what") {
			ready <- at
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	go func() {
		ended <- execute(ctx, []string{"run", "--config", config}, strings.NewReader(""), &bytes.Buffer{}, lines)
	}()
	select {
	case address = <-ready:
	case code := <-ended:
		t.Fatalf("the service ended with %d:\n%s", code, lines)
	case <-ctx.Done():
		t.Fatalf("the service does not catch up:\n%s", lines)
	}
	return address, ended, cancel
}

// positionsAreTheRecords looks up each event where it is said to have been read.
func positionsAreTheRecords(t *testing.T, x *row.Explanation, records []kafkatest.Record, topic string) {
	t.Helper()
	type place struct {
		partition int32
		offset    int64
	}
	byPlace := map[place]string{}
	first := map[string]int64{}
	for _, r := range records {
		byPlace[place{r.Partition, r.Offset}] = r.Value
		var e struct{ ID, Source string }
		if err := json.Unmarshal([]byte(r.Value), &e); err != nil {
			t.Fatal(err)
		}
		if _, known := first[e.ID]; !known {
			first[e.ID] = r.Offset
		}
	}
	looked := 0
	for _, m := range x.Movements {
		for _, e := range m.Events {
			looked++
			if e.Topic == nil || *e.Topic != topic {
				t.Fatalf("event %s is of topic %v", e.ID, e.Topic)
			}
			value := byPlace[place{*e.Partition, *e.Offset}]
			if !strings.Contains(value, fmt.Sprintf(`"id":%q,"source":%q`, e.ID, e.Source)) || *e.Offset != first[e.ID] {
				t.Errorf("event %s is said to be at partition %d offset %d: %q", e.ID, *e.Partition, *e.Offset, value)
			}
		}
	}
	if looked < 10 {
		t.Errorf("only %d events", looked)
	}
}

// sameExplanation compares two sources but for the watermark.
func sameExplanation(t *testing.T, what string, got, want *row.Explanation) {
	t.Helper()
	a, b := *got, *want
	a.AsOf, b.AsOf = "", ""
	x, _ := json.MarshalIndent(a, "", " ")
	y, _ := json.MarshalIndent(b, "", " ")
	if !bytes.Equal(x, y) {
		t.Errorf("%s tells\n%s\nthe service\n%s", what, x, y)
	}
}

// Whatever an account is called, the service is asked for that one; a service behind a path too.
func TestExplainAsksForTheAccount(t *testing.T) {
	asked := ""
	server, err := web.New(web.NewBoard(web.BoardOptions{}), web.Options{
		Explain: func(_ context.Context, account string, _ *aggregate.Interval) (*aggregate.Explanation, error) {
			asked = account
			return &aggregate.Explanation{Account: account, Start: event.NoTime, End: event.NoTime}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	served := httptest.NewServer(http.StripPrefix("/behind/path", server.Handler()))
	defer served.Close()
	direct := httptest.NewServer(server.Handler())
	defer direct.Close()
	for _, account := range []string{"acme", "a/b", "..", ".", "a/../b", "//", "a b", "ü", "?", "#", "%2F", "a%", ";", "=cmd()"} {
		for _, address := range []string{direct.URL, direct.URL + "/", served.URL + "/behind/path"} {
			if x := explanationOf(t, account, "--url", address); x.Account != account || asked != account {
				t.Errorf("%q: asked for %q, answered about %q", account, asked, x.Account)
			}
		}
	}
}

// Answers that are none are told apart from accounts that do not exist.
func TestExplainStrangeServices(t *testing.T) {
	for _, c := range []struct {
		code int
		body string
		says string
	}{
		{200, "<html>", "does not answer as a processor does"},
		{200, `{"account":"other"}`, "does not answer as a processor does"},
		{404, "404 page not found", "is it the address of a processor"},
		{404, `{"detail":"no such page"}`, "is it the address of a processor"},
		{404, `{"detail":"there is no such account","nearest":[]}`, `there is no account "acme", and none with a similar id`},
		{503, `{"detail":"the accounts are being restored"}`, "the service answers 503: the accounts are being restored"},
		{502, "", "answers 502 Bad Gateway"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.code)
			_, _ = w.Write([]byte(c.body))
		}))
		code, _, errOut := explained(t, "acme", "--url", server.URL)
		if code != exitFailed || !strings.Contains(errOut, c.says) {
			t.Errorf("%d %s: exit code %d, %s", c.code, c.body, code, errOut)
		}
		server.Close()
	}
}

// What is read before a checkpoint knew of positions says so, and cannot command a terminal.
func TestExplainTableIsPlainText(t *testing.T) {
	name := "Evil \x1b[2J\u202e"
	x := &row.Explanation{
		Account: "a\nb", Name: &name, BookedBefore: "0.000000", OpeningBalance: "0.000000", Opening: "0.000000", MovementsSum: "1.500000", Closing: "1.500000",
		MRR: "1.500000", LeftOutChange: "-2.250000", LeftOut: 3,
		Movements: []row.ExplainedMovement{{
			Change: "0.000001", MRRAfter: "1.500000", Paused: "0.000000", Resumed: "0.000000", EventsLeftOut: 7, EventsForgotten: true,
			Events: []row.ExplainedEvent{{ID: "\x07", Type: event.TypeUsageRecorded.String()}},
		}},
	}
	var out bytes.Buffer
	if err := printExplanation(&out, x); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"a\nb" ("Evil \x1b[2J\u202e"): MRR 1.50`, "+0.000001", "3 earlier movements", "-2.25", "and 7 more events", "no longer kept",
		`"\a"`, "read before positions were kept", "opening 0.00 + movements 1.50 = closing 1.50\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e\r") {
		t.Errorf("%q", out.String())
	}
}
