package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/notify"
	"processor/internal/pipeline"
	"processor/internal/row"
	"processor/internal/sink"
	"processor/internal/web"
)

// alertRules are the rules of a configuration. What is wrong with one is a problem at its place in the
// file.
func alertRules(c *config.Config, core *aggregate.Options) ([]alert.Rule, error) {
	var rules []alert.Rule
	var from []*config.Alert
	for i := range c.Alerts {
		one := &c.Alerts[i]
		made := []alert.Rule{ruleOf(one)}
		if one.Default {
			made = alert.Defaults()
		}
		for _, r := range made {
			rules, from = append(rules, r), append(from, one)
		}
	}
	var wrong alert.Problems
	if err := alert.Check(rules, core.Groupings, core.Windows); !errors.As(err, &wrong) {
		return rules, err
	}
	var problems config.Problems
	for _, p := range wrong {
		problems = append(problems, config.Problem{At: from[p.Rule].At, Key: "alerts", Message: p.Text})
	}
	return nil, problems
}

// ruleOf is one rule of a configuration.
func ruleOf(a *config.Alert) alert.Rule {
	return alert.Rule{
		Name: a.Name, Metric: alert.Metric(a.Metric), Type: a.Type, Grouping: a.Grouping, Segments: a.Segments, Interval: a.Interval,
		Comparison: alert.Comparison(a.Comparison), Of: a.Of, Target: a.Target, Threshold: a.Threshold, Clear: a.Clear, For: a.For,
		MinBase: a.MinBase, Severity: a.Severity, SilentAfter: a.SilentAfter,
	}
}

// alarm is what the process knows of alerts beside the service: what stands, and who is told.
type alarm struct {
	board    atomic.Pointer[alert.Board] // nil before the first evaluation
	counters *pipeline.Metrics
	notifier *notify.Notifier // nil where nobody is told
	clock    func() time.Time
}

// now is the clock that watermarks are held against.
func (a *alarm) now() time.Time { return a.clock() }

// tellThrough has changes sent as configured.
func (a *alarm) tellThrough(c *config.Config, log *slog.Logger) {
	n := &c.Notify
	if n.Webhook.URL == "" && len(n.Alertmanager.URLs) == 0 {
		return
	}
	a.notifier = notify.New(notify.Options{
		Currency: c.Reporting.Currency, Webhook: n.Webhook.URL.Reveal(), WebhookAuthorization: n.Webhook.Authorization.Reveal(),
		Alertmanagers: n.Alertmanager.URLs, AlertmanagerAuthorization: n.Alertmanager.Authorization.Reveal(),
		ResendInterval: n.ResendInterval, Board: a.board.Load, Logger: log,
	})
}

// observe is what the service tells.
func (a *alarm) observe(changes []alert.Alert, now *alert.Board) {
	a.board.Store(now)
	if a.notifier != nil {
		a.notifier.Offer(changes)
	}
}

// run sends until ctx ends.
func (a *alarm) run(ctx context.Context) error {
	if a.notifier == nil {
		return nil
	}
	return a.notifier.Run(ctx)
}

// beside has run go on as long as serve does, and ends with it.
func (a *alarm) beside(serve func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		told := make(chan error, 1)
		telling, end := context.WithCancel(ctx)
		defer end()
		go func() { told <- a.run(telling) }()
		err := serve(ctx)
		end()
		return errors.Join(err, <-told)
	}
}

// rows are the alerts as the API answers with them, in the amounts of a currency.
func (a *alarm) rows(currency string) []web.Alert {
	board := a.board.Load()
	if board == nil {
		return nil
	}
	var encoder row.Encoder
	all := board.At(event.At(a.now()))
	rows := make([]web.Alert, 0, len(all))
	for i := range all {
		key := all[i].Key
		rows = append(rows, web.Alert{
			Rule: key.Rule, Grouping: key.Grouping, Segment: key.Segment,
			Row:  encoder.Alert(nil, &all[i], currency, row.Stamp{KnownAt: board.Minute}),
			Says: encoder.Alert(nil, &all[i], currency, row.Stamp{}),
		})
	}
	return rows
}

// reading is all this in the exporter's terms.
func (a *alarm) reading() sink.AlertsReading {
	r := a.counters.Read()
	out := sink.AlertsReading{Board: a.board.Load(), Waiting: r.AlertsWaiting, Merged: r.AlertsMerged, Targets: map[string]sink.Notifications{}}
	if a.notifier == nil {
		return out
	}
	webhook, alertmanager := a.notifier.Read()
	for target, n := range map[string]notify.Counts{"webhook": webhook, "alertmanager": alertmanager} {
		out.Targets[target] = sink.Notifications{Sent: n.Sent, Failed: n.Failed, Dropped: n.Dropped, Waiting: n.Waiting}
	}
	return out
}
