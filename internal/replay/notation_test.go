package replay_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The notation of the stories, one event to a line (an indented line continues the one above):
//
//	ID[#REVISION] TIME ACCOUNT 100                        one line of 100 a month in subscription s1
//	ID TIME ACCOUNT SUB [STATUS] [option...] | ITEM | ITEM => TIME [STATUS] | ITEM
//	ID TIME ACCOUNT set region=eu plan_tier= @name=Acme   (an empty value is null)
//	ID TIME ACCOUNT charge KIND 100 [EUR]
//	ID TIME ACCOUNT usage SUB/ITEM 120 [amount=5] [EUR]   (SUB/meter:NAME by meter)
//	ID TIME ACCOUNT statement SUB/ITEM 2026-03 100 [EUR]
//	ID TIME ACCOUNT erase | revoke ID | signal NAME [VALUE] [SUB[/ITEM]]
//
// ITEM is [NAME] QUANTITY x PRICE, or [NAME] PRICE, or [NAME] QUANTITY amount=TOTAL, or NAME
// metered, then [EUR] [/year, /3year, /week ...] and options: plan= product= family= region=
// discount=20%<2026-03-01,5 (percent or amount, < ends_at) commit= price= add_on free_trial ...
// Times are UTC: 2026-01-05, 2026-01-05T10:30, 2026-01-05T10:30:05.123. A line that starts with {
// is native JSON as it is.

type object = map[string]any

// nativeEvents turns lines of the notation into native records.
func nativeEvents(input string) ([][]byte, error) {
	var lines []string
	for _, line := range strings.Split(input, "\n") {
		switch {
		case strings.TrimSpace(line) == "":
		case (line[0] == ' ' || line[0] == '\t') && len(lines) > 0:
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
		default:
			lines = append(lines, line)
		}
	}
	var records [][]byte
	for _, line := range lines {
		if line[0] == '{' {
			records = append(records, []byte(line))
			continue
		}
		e, err := nativeEvent(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		b, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		records = append(records, b)
	}
	return records, nil
}

func nativeEvent(line string) (object, error) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return nil, fmt.Errorf("want ID TIME ACCOUNT and what happened")
	}
	e := object{"specversion": "1.0", "source": "story", "subject": words[2], "time": instantOf(words[1])}
	id, revision, hasRevision := strings.Cut(words[0], "#")
	e["id"] = id
	if hasRevision {
		e["revision"] = json.Number(revision)
	}
	rest := envelopeOptions(e, words[3:])
	var err error
	switch what := rest[0]; {
	case what == "set":
		e["type"], e["data"], err = withType("account.changed")(accountData(rest[1:]))
	case what == "charge":
		e["type"], e["data"], err = withType("charge.recorded")(chargeData(rest[1:]))
	case what == "usage":
		e["type"], e["data"], err = withType("usage.recorded")(usageData(rest[1:]))
	case what == "statement":
		e["type"], e["data"], err = withType("usage.statement")(statementData(rest[1:]))
	case what == "erase":
		e["type"], e["data"] = "account.erased", object{}
	case what == "signal":
		e["type"], e["data"] = "signal.observed", signalData(rest[1:])
	case what == "revoke":
		source, name, hasSource := strings.Cut(rest[1], "/")
		if !hasSource {
			source, name = "story", rest[1]
		}
		e["type"], e["data"] = "event.revoked", object{"revokes": object{"source": source, "id": name}}
	case isNumber(what):
		item, itemErr := itemData([]string{what})
		err = itemErr
		e["type"] = "subscription.changed"
		e["data"] = object{"subscription": "s1", "status": "active", "items": []any{item}}
	default:
		e["type"], e["data"], err = withType("subscription.changed")(snapshotData(strings.Join(rest, " ")))
	}
	return e, err
}

func withType(name string) func(object, error) (string, object, error) {
	return func(data object, err error) (string, object, error) { return name, data, err }
}

// envelopeOptions takes seq= and source= out of the words.
func envelopeOptions(e object, words []string) []string {
	var rest []string
	for _, w := range words {
		switch name, value, _ := strings.Cut(w, "="); name {
		case "seq":
			e["sequence"] = json.Number(value)
		case "source":
			e["source"] = value
		default:
			rest = append(rest, w)
		}
	}
	return rest
}

var numeric = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

func isNumber(s string) bool { return numeric.MatchString(s) }

// instantOf completes a shortened instant to RFC 3339.
func instantOf(s string) string {
	switch {
	case strings.HasSuffix(s, "Z") || strings.Contains(s, "+"):
		return s
	case len(s) == len("2026-01-05"):
		return s + "T00:00:00Z"
	case len(s) == len("2026-01-05T10:30"):
		return s + ":00Z"
	default:
		return s + "Z"
	}
}

func accountData(words []string) (object, error) {
	attributes, data := object{}, object{}
	for _, w := range words {
		name, value, found := strings.Cut(w, "=")
		if !found {
			return nil, fmt.Errorf("%q is no attribute=value", w)
		}
		value = strings.ReplaceAll(value, "_", " ")
		switch {
		case name == "effective":
			data["effective_at"] = instantOf(value)
		case name == "@health":
			data["health"] = json.Number(value)
		case name[0] == '@':
			data[name[1:]] = value
		case value == "":
			attributes[name] = nil
		default:
			attributes[name] = value
		}
	}
	if len(attributes) > 0 {
		data["attributes"] = attributes
	}
	return data, nil
}

// signalData reads NAME [VALUE] [SUB[/ITEM]]; - stands for no value.
func signalData(words []string) object {
	data := object{"name": words[0]}
	if len(words) > 1 && words[1] != "-" {
		data["value"] = words[1]
		if isNumber(words[1]) {
			data["value"] = json.Number(words[1])
		}
	}
	if len(words) > 2 {
		subscription, item, hasItem := strings.Cut(words[2], "/")
		data["subscription"] = subscription
		if hasItem {
			data["item"] = item
		}
	}
	return data
}

func chargeData(words []string) (object, error) {
	if len(words) < 2 {
		return nil, fmt.Errorf("want KIND AMOUNT [CURRENCY]")
	}
	data := object{"kind": words[0], "amount": words[1], "currency": "USD"}
	if len(words) > 2 {
		data["currency"] = words[2]
	}
	return data, nil
}

func usageData(words []string) (object, error) {
	subscription, item, _ := strings.Cut(words[0], "/")
	data := object{"subscription": subscription}
	if meter, isMeter := strings.CutPrefix(item, "meter:"); isMeter {
		data["meter"] = meter
	} else {
		data["item"] = item
	}
	for _, w := range words[1:] {
		amount, isAmount := strings.CutPrefix(w, "amount=")
		switch {
		case isAmount:
			data["amount"] = amount
			if data["currency"] == nil {
				data["currency"] = "USD"
			}
		case isNumber(w):
			data["quantity"] = w
		default:
			data["currency"] = w
		}
	}
	return data, nil
}

func statementData(words []string) (object, error) {
	if len(words) < 3 {
		return nil, fmt.Errorf("want SUB/ITEM MONTH AMOUNT [CURRENCY]")
	}
	subscription, item, _ := strings.Cut(words[0], "/")
	data := object{"subscription": subscription, "item": item, "month": words[1], "amount": words[2], "currency": "USD"}
	if len(words) > 3 {
		data["currency"] = words[3]
	}
	return data, nil
}

var statuses = []string{"trialing", "active", "past_due", "paused", "unpaid", "canceled"}

// snapshotData reads SUB [STATUS] [option...] | ITEM => TIME [STATUS] | ITEM.
func snapshotData(text string) (object, error) {
	phases := strings.Split(text, "=>")
	head := strings.Split(phases[0], "|")
	words := strings.Fields(head[0])
	data := object{"subscription": words[0], "status": "active"}
	for _, w := range words[1:] {
		if slices.Contains(statuses, w) {
			data["status"] = w
		} else if err := snapshotOption(data, w); err != nil {
			return nil, err
		}
	}
	if err := itemsData(data, head[1:]); err != nil {
		return nil, err
	}
	var schedule []any
	for _, phase := range phases[1:] {
		head := strings.Split(phase, "|")
		words := strings.Fields(head[0])
		entry := object{"effective_at": instantOf(words[0])}
		if len(words) > 1 {
			entry["status"] = words[1]
		}
		if err := itemsData(entry, head[1:]); err != nil {
			return nil, err
		}
		schedule = append(schedule, entry)
	}
	if schedule != nil {
		data["schedule"] = schedule
	}
	return data, nil
}

func snapshotOption(data object, w string) error {
	name, value, hasValue := strings.Cut(w, "=")
	switch name {
	case "effective":
		data["effective_at"] = instantOf(value)
	case "first_paid":
		data["first_paid_at"] = instantOf(value)
	case "cancel_at", "term_start", "term_end", "trial_end":
		data[name] = instantOf(value)
	case "discount":
		data["discounts"] = discountsData(value)
	case "moved_from", "moved_to":
		data[name] = object{"account": value}
	case "motion", "reason":
		data[name] = value
	case "renewal", "scheduled_step", "opening":
		data[name] = true
	default:
		return fmt.Errorf("%q is no option of a snapshot", w)
	}
	if !hasValue && data[name] != true {
		return fmt.Errorf("%q needs a value", w)
	}
	return nil
}

func itemsData(data object, texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	items := []any{}
	for _, text := range texts {
		item, err := itemData(strings.Fields(text))
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	data["items"] = items
	return nil
}

var (
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
	interval     = regexp.MustCompile(`^/([0-9]*)(day|week|month|year)$`)
)

// itemData reads one ITEM of the notation.
func itemData(words []string) (object, error) {
	item := object{"item": "seats", "product": "core", "currency": "USD"}
	if len(words) > 0 && !isNumber(words[0]) {
		item["item"], words = words[0], words[1:]
	}
	var numbers []string
	for _, w := range words {
		name, value, hasValue := strings.Cut(w, "=")
		switch {
		case isNumber(w):
			numbers = append(numbers, w)
		case w == "x":
		case currencyCode.MatchString(w):
			item["currency"] = w
		case interval.MatchString(w):
			m := interval.FindStringSubmatch(w)
			length := object{"unit": m[2], "count": json.Number("1")}
			if m[1] != "" {
				length["count"] = json.Number(m[1])
			}
			item["interval"] = length
		case w == "metered":
			item["kind"] = "metered"
		case w == "add_on" || w == "free_trial":
			item[w] = true
		case name == "price":
			item["unit_price"] = value
		case name == "discount":
			item["discounts"] = discountsData(value)
		case name == "replaces":
			subscription, old, _ := strings.Cut(value, "/")
			item["replaces"] = object{"subscription": subscription, "item": old}
		case name == "tiers":
			item["tiers"] = tiersData(value)
		case hasValue:
			item[name] = value
		default:
			return nil, fmt.Errorf("%q is no option of an item", w)
		}
	}
	switch {
	case len(numbers) == 2:
		item["quantity"], item["unit_price"] = numbers[0], numbers[1]
	case len(numbers) == 1 && item["amount"] != nil:
		item["quantity"] = numbers[0]
	case len(numbers) == 1:
		item["unit_price"] = numbers[0]
	}
	return item, nil
}

// discountsData reads 20%<2026-03-01,5: a percent until an instant, then an amount for ever.
func discountsData(text string) []any {
	var list []any
	for _, part := range strings.Split(text, ",") {
		value, ends, hasEnd := strings.Cut(part, "<")
		d := object{}
		if percent, isPercent := strings.CutSuffix(value, "%"); isPercent {
			d["percent"] = percent
		} else {
			d["amount"] = value
		}
		if hasEnd {
			d["ends_at"] = instantOf(ends)
		}
		list = append(list, d)
	}
	return list
}

// tiersData reads 10:1.00;:0.50: up to 10 at 1.00, then 0.50.
func tiersData(text string) []any {
	var list []any
	for _, part := range strings.Split(text, ";") {
		upTo, price, _ := strings.Cut(part, ":")
		tier := object{"unit_price": price}
		if upTo != "" {
			tier["up_to"] = upTo
		}
		list = append(list, tier)
	}
	return list
}
