package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
	"processor/internal/sink"
)

// simCompany is what the schedules of a simulation have to read, what the numbers mean, and what must
// come out. It is a function of its number; sixteen seeds in a row share one.
type simCompany struct {
	number     uint64
	core       aggregate.Options
	records    []company.Record
	lateness   time.Duration
	final      time.Time // the clock at the end, after every event
	generation uint64

	// Nothing of a plain company counts for an interval that has ended, so that what was reported of
	// one is what stands there at the end.
	plain bool

	want    map[int]map[string]string // the rows of a replay, by number of shards, topic and key
	letters map[int]struct{}          // the records that replay rejects
	result  replay.Result
}

// schedulesEach is how many seeds in a row share a company: its replay costs as much as a schedule.
const schedulesEach = 16

func newSimCompany(number uint64) (*simCompany, error) {
	dice := rand.New(rand.NewPCG(number, 0xc0))
	c := &simCompany{number: number, plain: dice.IntN(4) == 0}
	o := company.Options{
		Seed: number, Accounts: 1 + dice.IntN(4), Openings: dice.IntN(2) * 400,
		Usage: !c.plain && dice.IntN(4) > 0, Future: !c.plain && dice.IntN(2) == 0, Rare: !c.plain && dice.IntN(2) == 0,
		Shares: company.Shares{Subscription: 60, Usage: 25, Other: 15},
	}
	days, tail := 1+dice.IntN(5), 3
	switch dice.IntN(100) {
	case 0:
		o.Accounts, o.Events, days, tail = 4+dice.IntN(30), 100+dice.IntN(200), 20+dice.IntN(50), 40
	case 1, 2, 3, 4, 5, 6:
		o.Accounts, o.Events, days, tail = 2+dice.IntN(10), 30+dice.IntN(40), 5+dice.IntN(20), 10
	default:
		o.Events = 5 + dice.IntN(20)
	}
	starts := []string{"2025-01-28", "2025-02-24", "2025-03-26", "2025-06-26", "2025-10-20", "2025-12-27"}
	start, err := time.Parse(time.DateOnly, starts[dice.IntN(len(starts))])
	if err != nil {
		return nil, err
	}
	o.Start, o.End = event.At(start), event.At(start.AddDate(0, 0, days))
	switch {
	case c.plain:
		o.Shares = company.Shares{Subscription: 100}
	default:
		o.Mess = []company.Mess{{}, company.Light, company.Heavy, company.Whole, company.Whole}[dice.IntN(5)]
		o.Mess.LateMax = time.Duration(1+dice.IntN(72)) * time.Hour
		if number%8 == 7 { // what is stored is replaced again and again
			o.Mess.Conflicts, o.Mess.Amendments = 500, 200
		}
	}
	if err := c.configure(dice, &o); err != nil {
		return nil, err
	}
	if c.records, err = company.Collect(o); err != nil {
		return nil, err
	}
	last := o.End
	for i := range c.records {
		last = max(last, c.records[i].Time)
	}
	c.lateness = []time.Duration{10 * time.Minute, 10 * time.Minute, 0, 6 * time.Hour}[dice.IntN(4)]
	c.final = last.UTC().Add(c.lateness + 2*time.Minute + time.Duration(dice.IntN(tail*24))*time.Hour)
	return c, c.replay()
}

// configure draws the meaning of the numbers.
func (c *simCompany) configure(dice *rand.Rand, o *company.Options) error {
	zone, err := time.LoadLocation([]string{"UTC", "UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo"}[dice.IntN(5)])
	if err != nil {
		return err
	}
	c.core = aggregate.Options{
		Currency: "USD", Zone: zone, ReportingStart: event.NoTime,
		Coalesce:   []time.Duration{time.Hour, time.Hour, 0}[dice.IntN(3)],
		UsageGrace: []time.Duration{12 * time.Hour, 0}[dice.IntN(2)],
		Groupings:  [][][]string{nil, nil, nil, {{"region"}}, {{"region"}}, {{"region"}, {"plan_tier", "region"}}, {{"cohort"}}}[dice.IntN(7)],
	}
	if c.plain { // a cohort is timeless: when it changes, all intervals do
		c.core.Groupings = [][][]string{nil, {{"region"}}}[dice.IntN(2)]
	}
	for _, w := range aggregate.Windows {
		if dice.IntN(6) == 0 {
			c.core.Windows = append(c.core.Windows, w)
		}
	}
	if dice.IntN(3) == 0 {
		o.Currencies = []string{"USD", "EUR"}
		euro := func(from event.Time, rate string) aggregate.RateTable {
			r, _ := new(big.Rat).SetString(rate)
			return aggregate.RateTable{From: from, Rates: map[string]*big.Rat{"EUR": r}}
		}
		c.core.Rates = []aggregate.RateTable{euro(event.NoTime, "1.1"), euro(c.localDate(o.Start.UTC().AddDate(0, 0, 4)), "1.2345678901")}
	}
	if dice.IntN(4) == 0 {
		c.core.ReportingStart = c.localDate(o.Start.UTC().AddDate(0, 0, 2))
	}
	if dice.IntN(4) == 0 {
		c.core.ReactivationWithin = 5 * 24 * time.Hour
	}
	return nil
}

// localDate is the first instant of a date in the company's zone.
func (c *simCompany) localDate(at time.Time) event.Time {
	return event.At(time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, c.core.Zone))
}

// asOf is the watermark at the end.
func (c *simCompany) asOf() event.Time { return wholeMinute(c.final, c.lateness) }

// replay computes what must come out.
func (c *simCompany) replay() error {
	c.generation = generationOf(fmt.Sprint("company ", c.number))
	run, err := replay.New(replay.Options{
		Core: c.core, AsOf: c.asOf(), Rows: append([]row.Topic{row.TopicDeadLetters}, rowTopics...),
	})
	if err != nil {
		return err
	}
	for i := range c.records {
		run.Apply("events", int64(i), c.records[i].Value)
	}
	var out bytes.Buffer
	if c.result, err = run.Finish(&out); err != nil {
		return err
	}
	if c.result.Read != int64(len(c.records)) {
		return fmt.Errorf("company %d: replay read %d of %d records", c.number, c.result.Read, len(c.records))
	}
	rows := map[string]string{}
	c.want, c.letters = map[int]map[string]string{1: rows}, map[int]struct{}{}
	for line := range strings.Lines(out.String()) {
		var r struct {
			Topic string          `json:"topic"`
			Key   json.RawMessage `json:"key"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return err
		}
		if r.Topic == string(row.TopicDeadLetters) {
			var key struct {
				Offset int `json:"offset"`
			}
			if err := json.Unmarshal(r.Key, &key); err != nil {
				return err
			}
			c.letters[key.Offset] = struct{}{}
			continue
		}
		rows[r.Topic+" "+string(r.Key)] = plain(string(r.Value))
	}
	return identitiesHold(rows)
}

// rows are what must come out of so many shards: the same as of one, but for their number.
func (c *simCompany) rows(shards int) map[string]string {
	if c.want[shards] == nil {
		c.want[shards] = map[string]string{}
		for name, value := range c.want[1] {
			c.want[shards][name] = strings.Replace(value, `"complete_shards":1,"shards":1`, fmt.Sprintf(`"complete_shards":%d,"shards":%d`, shards, shards), 1)
		}
	}
	return c.want[shards]
}

// identitiesHold adds up every row of metrics and account_months once more, from its text.
func identitiesHold(rows map[string]string) error {
	micros := func(text any) *big.Int {
		n, _ := new(big.Int).SetString(strings.Replace(fmt.Sprint(text), ".", "", 1), 10)
		return n
	}
	for name, value := range rows {
		if !strings.HasPrefix(name, "metrics ") {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(value), &fields); err != nil {
			return err
		}
		sum := new(big.Int)
		for _, field := range []string{
			"opening_mrr", "new_mrr", "expansion_mrr", "reactivation_mrr", "resumed_mrr", "transfer_in_mrr", "fx_mrr", "usage_change",
		} {
			sum.Add(sum, micros(fields[field]))
		}
		for _, field := range []string{"contraction_mrr", "churned_mrr", "paused_mrr", "transfer_out_mrr", "closing_mrr"} {
			sum.Sub(sum, micros(fields[field]))
		}
		if sum.Sign() != 0 {
			return fmt.Errorf("%s does not add up: %s", name, value)
		}
	}
	return nil
}

// partitionOf is where the key of a record belongs.
func partitionOf(key []byte, shards int) int32 {
	return int32(sink.Partition(key, shards)) //nolint:gosec // a partition
}
