package notify

import (
	"context"
	"encoding/json"

	"processor/internal/alert"
	"processor/internal/event"
)

// post sends what waits to the webhook, one after the other, each until it is taken or given up.
func (n *Notifier) post(ctx context.Context) {
	failures := 0
	for {
		one, found := n.first()
		if !found {
			failures = 0
			select {
			case <-ctx.Done():
				return
			case <-n.news:
			}
			continue
		}
		err := n.send(ctx, n.options.Webhook, n.options.WebhookAuthorization, n.document(&one.alert))
		if ctx.Err() != nil {
			return
		}
		late := n.options.Clock().Sub(one.since) >= n.options.GiveUp
		n.settle(one, err, late)
		if err == nil {
			failures = 0
			continue
		}
		failures++
		n.options.Logger.WarnContext(ctx, "the webhook did not take an alert", "error", err, "rule", one.alert.Key.Rule, "given_up", late || isRefused(err))
		if !pause(ctx, backoff(failures), nil) {
			return
		}
	}
}

// first is what waits longest.
func (n *Notifier) first() (notice, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.waiting) == 0 {
		return notice{}, false
	}
	return n.waiting[0], true
}

// settle counts an attempt, and forgets the change if nothing is to be done about it any more and no newer
// one has taken its place.
func (n *Notifier) settle(one notice, err error, late bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		n.webhook.Sent++
	case late || isRefused(err):
		n.webhook.Failed++
		n.webhook.Dropped++
	default:
		n.webhook.Failed++
		return
	}
	for i := range n.waiting {
		if n.waiting[i].alert.Key == one.alert.Key && n.waiting[i].alert.Since == one.alert.Since {
			n.waiting = append(n.waiting[:i:i], n.waiting[i+1:]...)
			break
		}
	}
	n.webhook.Waiting = len(n.waiting)
}

// document is an alert as the webhook gets it.
func (n *Notifier) document(a *alert.Alert) []byte {
	type part struct {
		Name   string `json:"name"`
		Before string `json:"before"`
		Now    string `json:"now"`
		Change string `json:"change"`
	}
	parts := func(list []alert.Part) []part {
		out := []part{}
		for i := range list {
			change := list[i].Change()
			out = append(out, part{list[i].Name, list[i].Before.String(), list[i].Now.String(), change.String()})
		}
		return out
	}
	instant := func(t event.Time) *string {
		if t == event.NoTime {
			return nil
		}
		text := t.String()
		return &text
	}
	severity := ""
	if a.By != nil {
		severity = a.By.Severity
	}
	// A struct of texts is always JSON.
	b, _ := json.Marshal(struct {
		Version  int     `json:"version"`
		Rule     string  `json:"rule"`
		Grouping string  `json:"grouping"`
		Segment  string  `json:"segment"`
		State    string  `json:"state"`
		Severity string  `json:"severity"`
		Since    *string `json:"since"`
		FiredAt  *string `json:"fired_at"`
		Resolved *string `json:"resolved_at"`
		Currency string  `json:"currency"`
		Value    string  `json:"value"`
		Base     string  `json:"base"`
		Fall     string  `json:"fall"`
		Opening  string  `json:"opening_mrr"`
		Summary  string  `json:"summary"`
		Types    []part  `json:"types"`
		Segments []part  `json:"segments"`
		Accounts []part  `json:"accounts"`
	}{
		1, a.Key.Rule, a.Grouping, a.Segment, string(a.State), severity, instant(a.Since), instant(a.FiredAt), instant(a.ResolvedAt),
		n.options.Currency, a.Value.String(), a.Base.String(), a.Fall.String(), a.Opening.String(), a.Summary(n.options.Currency),
		parts(a.Explanation.Types), parts(a.Explanation.Segments), parts(a.Explanation.Accounts),
	})
	return b
}
