package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/money"
	"processor/internal/row"
)

// demoAudit holds what the output topics say, read back from the broker as any consumer would, and
// what does not agree in it. It knows the rows only, not the state that they came from.
type demoAudit struct {
	cluster *broker.Cluster
	prefix  string

	accounts int
	paying   int64
	mrr      money.Amount // of all accounts
	metrics  []metricRow
	rejected map[string]int64 // by reason
	breaks   []string
	broken   int // breaks in all; the first ones are kept
}

// breaksShown is how many disagreements are told; more of them say nothing new.
const breaksShown = 20

func (a *demoAudit) disagree(format string, args ...any) {
	a.broken++
	if len(a.breaks) < breaksShown {
		a.breaks = append(a.breaks, fmt.Sprintf(format, args...))
	}
}

// decimal is an amount in a row.
type decimal struct{ money.Amount }

// UnmarshalJSON reads the decimal string.
func (d *decimal) UnmarshalJSON(text []byte) (err error) {
	d.Amount, err = money.Parse(string(bytes.Trim(text, `"`)))
	return err
}

// flowColumns are the columns by which a row of account_months or metrics closes.
type flowColumns struct {
	Opening        decimal `json:"opening_mrr"`
	New            decimal `json:"new_mrr"`
	Expansion      decimal `json:"expansion_mrr"`
	Contraction    decimal `json:"contraction_mrr"`
	Churned        decimal `json:"churned_mrr"`
	Reactivation   decimal `json:"reactivation_mrr"`
	Paused         decimal `json:"paused_mrr"`
	Resumed        decimal `json:"resumed_mrr"`
	TransferIn     decimal `json:"transfer_in_mrr"`
	TransferOut    decimal `json:"transfer_out_mrr"`
	FX             decimal `json:"fx_mrr"`
	UsageChange    decimal `json:"usage_change"`
	OpeningBalance decimal `json:"opening_balance"`
	Closing        decimal `json:"closing_mrr"`
}

// flow is one step from opening to closing.
type flow struct {
	name   string
	change money.Amount // with its sign
}

// flows are the steps, in the order of reading.
func (f *flowColumns) flows() []flow {
	return []flow{
		{"new", f.New.Amount},
		{"expansion", f.Expansion.Amount},
		{"contraction", f.Contraction.Neg()},
		{"churned", f.Churned.Neg()},
		{"reactivation", f.Reactivation.Amount},
		{"paused", f.Paused.Neg()},
		{"resumed", f.Resumed.Amount},
		{"transfers", f.TransferIn.Sub(f.TransferOut.Amount)},
		{"fx", f.FX.Amount},
		{"usage change", f.UsageChange.Amount},
	}
}

// end is opening + movements.
func (f *flowColumns) end() money.Amount {
	sum := f.Opening.Amount
	for _, step := range f.flows() {
		sum = sum.Add(step.change)
	}
	return sum
}

// metricRow is a row of metrics.
type metricRow struct {
	Grouping string `json:"grouping"`
	Segment  string `json:"segment"`
	Kind     string `json:"interval_kind"`
	Interval string `json:"interval"`
	StartsAt string `json:"starts_at"`
	EndsAt   string `json:"ends_at"`
	flowColumns
	AccountsClosing int64    `json:"accounts_closing"`
	Rate            *decimal `json:"expansion_rate"`
	Growth          *decimal `json:"growth_rate"`
	Band            *string  `json:"expansion_rate_band"`
	Deleted         bool     `json:"deleted"`
	upColumns
}

// upColumns are the typed parts of what made revenue grow, by name.
type upColumns struct {
	Seat            decimal `json:"up_seat"`
	Upsell          decimal `json:"up_upsell"`
	CrossSell       decimal `json:"up_cross_sell"`
	AddOn           decimal `json:"up_add_on"`
	Usage           decimal `json:"up_usage"`
	PriceIncrease   decimal `json:"up_price_increase"`
	RenewalUplift   decimal `json:"up_renewal_uplift"`
	ContractRamp    decimal `json:"up_contract_ramp"`
	DiscountExpiry  decimal `json:"up_discount_expiry"`
	Geographic      decimal `json:"up_geographic"`
	FeatureAdoption decimal `json:"up_feature_adoption"`
	Other           decimal `json:"up_other"`
}

// ups are the parts in the order of the columns.
func (u *upColumns) ups() []flow {
	return []flow{
		{"seat", u.Seat.Amount},
		{"upsell", u.Upsell.Amount},
		{"cross_sell", u.CrossSell.Amount},
		{"add_on", u.AddOn.Amount},
		{"usage", u.Usage.Amount},
		{"price_increase", u.PriceIncrease.Amount},
		{"renewal_uplift", u.RenewalUplift.Amount},
		{"contract_ramp", u.ContractRamp.Amount},
		{"discount_expiry", u.DiscountExpiry.Amount},
		{"geographic", u.Geographic.Amount},
		{"feature_adoption", u.FeatureAdoption.Amount},
		{"other", u.Other.Amount},
	}
}

// movementRow is a row of the fact table.
type movementRow struct {
	Account string  `json:"account"`
	Change  decimal `json:"change"`
	Deleted bool    `json:"deleted"`
}

type accountRow struct {
	Account string  `json:"account"`
	MRR     decimal `json:"mrr"`
	Deleted bool    `json:"deleted"`
}

type monthRow struct {
	Account string `json:"account"`
	Month   string `json:"month"`
	flowColumns
	Deleted bool `json:"deleted"`
}

// read takes everything from the topics. The rows of an account lie in partitions of one number, so
// that one partition at a time is in memory.
func (a *demoAudit) read(ctx context.Context, partitions int) error {
	a.rejected = map[string]int64{}
	for partition := range partitions {
		if err := a.readAccounts(ctx, partition); err != nil {
			return err
		}
		rows, err := latest[metricRow](ctx, a, row.TopicMetrics, partition)
		if err != nil {
			return err
		}
		for _, one := range rows {
			if !one.Deleted {
				a.metrics = append(a.metrics, one)
			}
		}
		_, err = consumer.ReadRange(ctx, a.cluster, a.prefix+string(row.TopicDeadLetters), int32(partition), consumer.FromStart, func(r *consumer.Record) error {
			for _, h := range r.Headers {
				if string(h.Key) == "reason" {
					a.rejected[string(h.Value)]++
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the dead letters back: %w", err)
		}
	}
	return nil
}

// readAccounts checks the accounts of one partition: movements against the account, and its months.
func (a *demoAudit) readAccounts(ctx context.Context, partition int) error {
	movements, err := latest[movementRow](ctx, a, row.TopicMovements, partition)
	if err != nil {
		return err
	}
	months, err := latest[monthRow](ctx, a, row.TopicAccountMonths, partition)
	if err != nil {
		return err
	}
	accounts, err := latest[accountRow](ctx, a, row.TopicAccounts, partition)
	if err != nil {
		return err
	}
	booked, lives := map[string]money.Amount{}, map[string][]monthRow{}
	for _, m := range movements {
		if !m.Deleted {
			booked[m.Account] = booked[m.Account].Add(m.Change.Amount)
		}
	}
	for _, m := range months {
		if !m.Deleted {
			lives[m.Account] = append(lives[m.Account], m)
		}
	}
	for _, one := range accounts {
		if one.Deleted {
			continue
		}
		a.checkAccount(one.Account, one.MRR.Amount, booked[one.Account], lives[one.Account])
		delete(booked, one.Account)
		delete(lives, one.Account)
	}
	for _, account := range slices.Sorted(maps.Keys(booked)) {
		a.disagree("account %s has movements and no row of its own", account)
	}
	for _, account := range slices.Sorted(maps.Keys(lives)) {
		a.disagree("account %s has months and no row of its own", account)
	}
	return nil
}

// latest reads a partition of a topic and decodes the last value of every key, sorted by key.
func latest[R any](ctx context.Context, a *demoAudit, topic row.Topic, partition int) ([]R, error) {
	values := map[string][]byte{}
	name := a.prefix + string(topic)
	_, err := consumer.ReadRange(ctx, a.cluster, name, int32(partition), consumer.FromStart, func(r *consumer.Record) error {
		if r.Value == nil {
			delete(values, string(r.Key))
		} else {
			values[string(r.Key)] = append(values[string(r.Key)][:0], r.Value...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s/%d back: %w", name, partition, err)
	}
	rows := make([]R, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		var one R
		if err := json.Unmarshal(values[key], &one); err != nil {
			return nil, fmt.Errorf("row %s of %s/%d: %w", key, name, partition, err)
		}
		rows = append(rows, one)
	}
	return rows, nil
}
