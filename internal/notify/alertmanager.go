package notify

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
)

// alertmanagerPath is the one address of Alertmanager's API v2 that is used.
const alertmanagerPath = "/api/v2/alerts"

// missedResends is how many resends may be missed before Alertmanager takes an alert as resolved.
const missedResends = 4

// resend tells one Alertmanager what fires, at every change and at every interval, and once it has taken it
// also that something is over. What it was told it is told until then, whatever failed in between.
func (n *Notifier) resend(ctx context.Context, url string, wake <-chan struct{}) {
	url = strings.TrimSuffix(url, "/") + alertmanagerPath
	told := map[alert.Key]alert.Alert{}
	failures := 0
	for {
		wait := n.options.ResendInterval
		if board := n.options.Board(); board != nil {
			err := n.tell(ctx, url, board, told)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				failures = 0
			} else {
				failures++
				wait = min(backoff(failures), wait)
				n.options.Logger.WarnContext(ctx, "an Alertmanager did not take the alerts", "error", err)
			}
		}
		if !pause(ctx, wait, wake) {
			return
		}
	}
}

// posted is an alert in Alertmanager's form.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// tell posts what fires, and the end of what was told before and fires no more. told is what it has taken.
// What fires still, but is another instance's now, is left to it.
func (n *Notifier) tell(ctx context.Context, url string, board *alert.Board, told map[alert.Key]alert.Alert) error {
	now := n.options.Clock().UTC()
	firing := board.Firing(event.At(now))
	if len(firing) > n.options.Waiting { // they come in their order: the first ones are told
		n.count(func(c *Counts) { c.Dropped += int64(len(firing) - n.options.Waiting) })
		firing = firing[:n.options.Waiting]
	}
	list := []posted{}
	on := map[alert.Key]bool{}
	for _, a := range board.At(event.At(now)) {
		on[a.Key] = a.State == alert.Firing
	}
	for i := range firing {
		list = append(list, n.posted(&firing[i], now.Add(missedResends*n.options.ResendInterval)))
	}
	ended := 0
	for key, a := range told {
		if !on[key] {
			list = append(list, n.posted(&a, now))
			ended++
		}
	}
	if len(list) == 0 {
		return nil
	}
	body, err := json.Marshal(list)
	if err == nil {
		err = n.send(ctx, url, n.options.AlertmanagerAuthorization, body)
	}
	if err != nil {
		n.count(func(c *Counts) { c.Failed++ })
		return err
	}
	n.count(func(c *Counts) { c.Sent += int64(len(list)); c.Waiting = len(firing) })
	clear(told)
	for i := range firing {
		told[firing[i].Key] = firing[i]
	}
	return nil
}

func (n *Notifier) count(change func(*Counts)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.alertmanager)
}

// posted is one alert, until an instant.
func (n *Notifier) posted(a *alert.Alert, until time.Time) posted {
	p := posted{
		Labels: map[string]string{
			"alertname": a.Key.Rule, "grouping": a.Grouping, "segment": a.Segment, "service": "expansion",
		},
		Annotations: map[string]string{"summary": a.Summary(n.options.Currency)},
		StartsAt:    a.FiredAt.UTC(), EndsAt: until,
	}
	if a.By != nil {
		p.Labels["severity"] = a.By.Severity
		p.Labels["interval"] = a.By.Interval
	}
	for name, parts := range map[string][]alert.Part{
		"types": a.Explanation.Types, "segments": a.Explanation.Segments, "accounts": a.Explanation.Accounts,
	} {
		if text := sentence(parts, n.options.Currency); text != "" {
			p.Annotations[name] = text
		}
	}
	return p
}

// sentence is what made a fall, for people.
func sentence(parts []alert.Part, currency string) string {
	var list []string
	for i := range parts {
		list = append(list, parts[i].Name+" "+alert.Short(parts[i].Change())+" "+currency)
	}
	return strings.Join(list, "; ")
}
