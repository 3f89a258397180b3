package replay_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/replay"
)

// whatIfCompany is a company in two currencies with everything that goes wrong on the way.
func whatIfCompany(t *testing.T) [][]byte {
	return collect(t, company.Options{
		Seed: 21, Accounts: 60, Events: 2000, Start: instant(2025, 10, 1), End: instant(2026, 2, 20), Openings: 300, Usage: true, Future: true,
		Currencies: []string{"USD", "EUR"},
		Mess:       company.Mess{Late: 50, Duplicates: 20, Amendments: 20, Revocations: 20, Bad: 5, Ties: 100},
	})
}

// compared runs a company under two configurations.
func compared(t *testing.T, records [][]byte, now, then string) (list []replay.Difference, changes replay.Changes) {
	t.Helper()
	w, err := replay.NewWhatIf(optionsOf(t, now), optionsOf(t, then))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Read("events", bytes.NewReader(bytes.Join(records, []byte("\n")))); err != nil {
		t.Fatal(err)
	}
	changes, err = w.Compare(func(d replay.Difference) error { list = append(list, d); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return list, changes
}

func optionsOf(t *testing.T, config string) replay.Options {
	t.Helper()
	core, err := coreOptions(config)
	if err != nil {
		t.Fatal(err)
	}
	return replay.Options{Core: core, AsOf: event.NoTime}
}

// What a comparison says is what the two replays print, one beside the other: the values of every
// figure, and the accounts that differ.
func TestWhatIfIsTheDifferenceOfTwoReplays(t *testing.T) {
	t.Parallel()
	const now, then = "rates EUR=1.1\nwindows 30d 90d\ngroupings region", "rates EUR=1.2\nwindows 30d\ncoalesce 0s\nusage raw"
	records := whatIfCompany(t)
	list, changes := compared(t, records, now, then)
	rowsNow, rowsThen := printedUnder(t, records, now, changes.AsOf), printedUnder(t, records, then, changes.AsOf)
	differing := map[string]bool{}
	for i, d := range list {
		differing[d.Account] = true
		if i > 0 && !inOrder(list[i-1], d) {
			t.Fatalf("%+v comes after %+v", d, list[i-1])
		}
		a, knownNow := rowsNow[d.Account+" "+d.Month]
		b, knownThen := rowsThen[d.Account+" "+d.Month]
		if knownNow && a.text(d.Figure) != d.Now || knownThen && b.text(d.Figure) != d.WhatIf {
			t.Errorf("%+v: the rows say %q and %q", d, a.text(d.Figure), b.text(d.Figure))
		}
		if d.Now == d.WhatIf || strings.HasPrefix(d.Figure, "dim_") || strings.HasPrefix(d.Figure, "90d") {
			t.Errorf("%+v is no difference", d)
		}
	}
	if len(differing) != changes.Differing || changes.Differing < 20 || changes.Accounts != 60 {
		t.Errorf("%d accounts differ, the summary says %d of %d", len(differing), changes.Differing, changes.Accounts)
	}
	listed := 0
	for key, a := range rowsNow {
		b, both := rowsThen[key]
		if !both {
			continue
		}
		account, month, _ := strings.Cut(key, " ")
		for name := range a {
			if _, shared := b[name]; !shared || a.text(name) == b.text(name) || slices.Contains([]string{"final", "restated"}, name) {
				continue
			}
			listed++
			want := replay.Difference{Account: account, Month: month, Figure: name, Now: a.text(name), WhatIf: b.text(name)}
			if !slices.ContainsFunc(list, func(d replay.Difference) bool { d.Difference = ""; return d == want }) {
				t.Errorf("%+v is not told", want)
			}
		}
	}
	if listed < 100 {
		t.Errorf("only %d differences: the company is too small to prove anything", listed)
	}
	for _, total := range changes.Totals {
		var sum int64
		for _, d := range list {
			if d.Figure == total.Figure {
				sum += columns{"x": d.Difference}.micro("x")
			}
		}
		if got := (columns{"x": total.WhatIf.Sub(total.Now).String()}).micro("x"); got != sum || sum == 0 && total.Now != total.WhatIf {
			t.Errorf("the total of %s moves by %d, the accounts' by %d", total.Figure, got, sum)
		}
	}
}

func inOrder(a, b replay.Difference) bool {
	return slices.Compare([]string{a.Account, a.Month, a.Figure}, []string{b.Account, b.Month, b.Figure}) < 0
}

// printedUnder are the rows of accounts and months that replay prints, by account and month.
func printedUnder(t *testing.T, records [][]byte, config string, asOf event.Time) map[string]columns {
	t.Helper()
	o := optionsOf(t, config)
	lines := printed(replayRows(t, o.Core, records, asOf, 1))
	found := map[string]columns{}
	for _, c := range lines.of("accounts") {
		found[c.text("account")+" "] = c
	}
	for _, c := range lines.of("account_months") {
		found[c.text("account")+" "+c.text("month")] = c
	}
	return found
}

// A configuration beside itself changes nothing.
func TestWhatIfNothing(t *testing.T) {
	t.Parallel()
	const config = "rates EUR=1.1\nwindows 30d"
	if list, changes := compared(t, whatIfCompany(t), config, config); len(list) > 0 || changes.Differing > 0 || len(changes.Totals) > 0 || changes.Accounts == 0 {
		t.Errorf("%v %+v", list, changes)
	}
	// The groupings and windows of one configuration alone are no figures of both.
	if list, _ := compared(t, whatIfCompany(t), config, "rates EUR=1.1\nwindows 90d\ngroupings region"); len(list) > 0 {
		t.Errorf("%v", list)
	}
}

func TestWhatIfCurrencies(t *testing.T) {
	if _, err := replay.NewWhatIf(optionsOf(t, ""), optionsOf(t, "currency EUR")); !errors.Is(err, replay.ErrCurrencies) {
		t.Error(err)
	}
}
