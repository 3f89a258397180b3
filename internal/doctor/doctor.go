// Package doctor looks at everything that a service with some configuration depends on, and says what is wrong
// with it and what mends it. It changes nothing: no topic, no group, no position, no checkpoint. It never
// decides anything for the service, which makes its own checks at each start.
package doctor

import (
	"context"
	"fmt"
	"time"

	"processor/internal/broker"
	"processor/internal/pipeline"
	"processor/internal/sink"
)

// Severity says what a finding is worth.
type Severity string

// The severities, from the least on.
const (
	Fine    Severity = "ok"
	Note    Severity = "note"    // worth knowing
	Warning Severity = "warning" // it works, until something happens
	Error   Severity = "error"   // the service does not start, or its figures would be wrong
)

// Finding is one thing that was looked at.
type Finding struct {
	Check    string   `json:"check"` // what was looked at, such as source.retention
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject"` // topic, broker, directory
	Text     string   `json:"text"`
	Remedy   string   `json:"remedy,omitempty"` // the command or the setting
}

// Options say whose surroundings are looked at.
type Options struct {
	Service pipeline.Options
	User    string           // of the login, for commands
	Zone    *time.Location   // of the reporting
	Now     func() time.Time // time.Now when nil
}

// examination is one look on its way.
type examination struct {
	*Options

	cluster  *broker.Cluster
	findings []Finding

	access     map[string]broker.TopicAccess
	operations broker.Operations
	settings   map[string]map[string]string
	partitions int // of the sources, the most of them; 0 when none is known
	outputs    []sink.TopicSpec
	nodes      int
	beginnings map[string]bool // sources that have lost theirs
}

// Examine looks at everything. What it finds is in the order in which it looked.
func Examine(ctx context.Context, o Options) []Finding {
	if o.Now == nil {
		o.Now = time.Now
	}
	e := &examination{Options: &o, cluster: o.Service.Cluster, beginnings: map[string]bool{}}
	e.zone()
	e.protection()
	if e.brokers(ctx) && e.topics(ctx) {
		e.sources(ctx)
		e.results()
		e.group(ctx)
		e.transactions(ctx)
		e.clock(ctx)
	}
	e.disk()
	e.checkpoint(ctx)
	return e.findings
}

func (e *examination) add(check string, severity Severity, subject, remedy, format string, args ...any) {
	e.findings = append(e.findings, Finding{Check: check, Severity: severity, Subject: subject, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

// failed is the finding that something could not be asked.
func (e *examination) failed(check, subject string, err error) {
	e.add(check, Error, subject, broker.Remedy(err), "%v", err)
}

// allow is the finding that an operation is denied.
func (e *examination) allow(check, subject string, op broker.Operation, resource, name, why string) {
	e.add(check, Error, subject, broker.AllowCommand(e.User, op, resource, name), "this login may not %s %s: %s", op, subject, why)
}

// Worst is the highest severity of some findings.
func Worst(findings []Finding) Severity {
	order := map[Severity]int{Fine: 0, Note: 1, Warning: 2, Error: 3}
	worst := Fine
	for _, f := range findings {
		if order[f.Severity] > order[worst] {
			worst = f.Severity
		}
	}
	return worst
}

// zone says which rules of the calendar count.
func (e *examination) zone() {
	zone := e.Zone
	if zone == nil {
		zone = time.UTC
	}
	now := e.Now().In(zone)
	_, next := now.ZoneBounds()
	name, _ := now.Zone()
	change := "its offset does not change any more"
	if !next.IsZero() {
		change = "its offset changes next at " + next.UTC().Format(time.RFC3339)
	}
	e.add("zone.data", Fine, zone.String(), "", "%s now; %s", name, change)
}
