package row

import (
	"encoding/json"
	"fmt"
	"strings"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
)

// AlertKey appends the key of an alert.
func (*Encoder) AlertKey(dst []byte, a *alert.Alert) []byte {
	o := open(dst)
	o.alertKey(a)
	return o.close()
}

func (o *object) alertKey(a *alert.Alert) {
	o.text("rule", a.Key.Rule)
	o.text("grouping", a.Grouping)
	o.text("segment", a.Segment)
}

// Alert appends an alert as it changed its state, in amounts of a currency. One of a rule that is gone
// carries its key, its state and instants, and nulls.
func (*Encoder) Alert(dst []byte, a *alert.Alert, currency string, s Stamp) []byte {
	s.Deleted = a.Deleted
	o := open(dst)
	o.alertKey(a)
	o.text("state", string(a.State))
	if a.State == alert.Suspect {
		o.text("suspect", alert.DataGap)
	} else {
		o.null("suspect")
	}
	o.rule(a.By)
	o.amount("value", a.Value)
	o.amount("base", a.Base)
	o.amount("fall", a.Fall)
	o.amount("opening_mrr", a.Opening)
	o.instant("since", a.Since)
	o.instant("pending_since", a.PendingSince)
	o.instant("fired_at", a.FiredAt)
	o.instant("resolved_at", a.ResolvedAt)
	o.text("types", parts(a.Explanation.Types))
	o.text("segments", parts(a.Explanation.Segments))
	o.text("accounts", parts(a.Explanation.Accounts))
	o.text("summary", a.Summary(currency))
	o.stamp(s)
	return o.close()
}

// rule writes what the alert's rule says; nulls where it is gone.
func (o *object) rule(r *alert.Rule) {
	if r == nil {
		for _, name := range []string{"severity", "metric", "type", "interval", "comparison", "threshold", "clear_threshold"} {
			o.null(name)
		}
		return
	}
	o.text("severity", r.Severity)
	o.text("metric", string(r.Metric))
	o.orNull("type", r.Type)
	o.text("interval", r.Interval)
	o.text("comparison", string(r.Comparison))
	o.amount("threshold", r.Threshold)
	o.amount("clear_threshold", r.Clear)
}

// partEscapes keep a part's name apart from its amounts and the next part.
var (
	partEscapes   = strings.NewReplacer("%", "%25", ";", "%3B", ":", "%3A")
	partUnescapes = strings.NewReplacer("%25", "%", "%3B", ";", "%3A", ":")
)

// parts writes what made a fall as one text: "seat: 600.000000 -> 470.000000; upsell: ...".
func parts(list []alert.Part) string {
	var b strings.Builder
	for i := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s -> %s", partEscapes.Replace(list[i].Name), list[i].Before, list[i].Now)
	}
	return b.String()
}

// readParts is the inverse of parts.
func readParts(text string) (list []alert.Part, err error) {
	if text == "" {
		return nil, nil
	}
	for _, one := range strings.Split(text, "; ") {
		name, amounts, ok1 := strings.Cut(one, ": ")
		before, now, ok2 := strings.Cut(amounts, " -> ")
		part := alert.Part{Name: partUnescapes.Replace(name)}
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%q is no part of an explanation", one)
		}
		if part.Before, err = money.Parse(before); err != nil {
			return nil, err
		}
		if part.Now, err = money.Parse(now); err != nil {
			return nil, err
		}
		list = append(list, part)
	}
	return list, nil
}

// ReadAlert is the alert of a row, without its rule, and the row's version.
func ReadAlert(value []byte) (a alert.Alert, version uint64, err error) {
	var v struct {
		Rule, Grouping, Segment, State string
		Value, Base, Fall              string
		Opening                        string `json:"opening_mrr"`
		Since                          *string
		PendingSince                   *string `json:"pending_since"`
		FiredAt                        *string `json:"fired_at"`
		ResolvedAt                     *string `json:"resolved_at"`
		Types, Segments, Accounts      string
		Version                        uint64
		Deleted                        bool
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return a, 0, fmt.Errorf("read an alert: %w", err)
	}
	a = alert.Alert{Key: alert.Key{Rule: v.Rule, Grouping: v.Grouping, Segment: v.Segment}, State: alert.State(v.State), Deleted: v.Deleted}
	for _, one := range []struct {
		to   *event.Time
		text *string
	}{{&a.Since, v.Since}, {&a.PendingSince, v.PendingSince}, {&a.FiredAt, v.FiredAt}, {&a.ResolvedAt, v.ResolvedAt}} {
		*one.to = event.NoTime
		if one.text == nil {
			continue
		}
		t, ok := event.ParseTime([]byte(*one.text))
		if !ok {
			return a, 0, fmt.Errorf("read an alert: %q is no time", *one.text)
		}
		*one.to = t
	}
	for _, one := range []struct {
		to   *money.Amount
		text string
	}{{&a.Value, v.Value}, {&a.Base, v.Base}, {&a.Fall, v.Fall}, {&a.Opening, v.Opening}} {
		if *one.to, err = money.Parse(one.text); err != nil {
			return a, 0, fmt.Errorf("read an alert: %w", err)
		}
	}
	for _, one := range []struct {
		to   *[]alert.Part
		text string
	}{{&a.Explanation.Types, v.Types}, {&a.Explanation.Segments, v.Segments}, {&a.Explanation.Accounts, v.Accounts}} {
		if *one.to, err = readParts(one.text); err != nil {
			return a, 0, fmt.Errorf("read an alert: %w", err)
		}
	}
	return a, v.Version, nil
}
