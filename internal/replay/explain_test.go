package replay_test

import (
	"fmt"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// explained says what is wrong with the explanations of a machine's accounts: of every story and
// generated company, by every way, the explained sum must be the account's MRR, each month must
// open, move and close as its row does, and every movement must name what stands behind it.
func explained(m *machine) error {
	for _, s := range m.states {
		u := s.Everything()
		rows := map[string][]aggregate.MovementRow{}
		for _, r := range u.Movements {
			rows[r.Account] = append(rows[r.Account], r)
		}
		for i := range u.Accounts {
			if err := explainedAccount(s, &u.Accounts[i], rows[u.Accounts[i].Account]); err != nil {
				return fmt.Errorf("explain account %q: %w", u.Accounts[i].Account, err)
			}
		}
		for i := range u.Months {
			if err := explainedMonth(s, &u.Months[i]); err != nil {
				return fmt.Errorf("explain account %q in %s: %w", u.Months[i].Account, u.Months[i].Month, err)
			}
		}
	}
	return nil
}

func explainedAccount(s *aggregate.State, account *aggregate.AccountRow, rows []aggregate.MovementRow) error {
	e, found := s.Explain(account.Account, nil)
	if !found {
		return fmt.Errorf("not found")
	}
	if e.MRR != account.MRR || e.Status != account.Status || e.Name != account.Name {
		return fmt.Errorf("is %s %s %q, the row %s %s %q", e.MRR, e.Status, e.Name, account.MRR, account.Status, account.Name)
	}
	if e.Closing != account.MRR || e.Opening.Add(e.Movements) != e.Closing || !e.Booked.IsZero() {
		return fmt.Errorf("opening %s + movements %s = closing %s, the MRR is %s", e.Opening, e.Movements, e.Closing, account.MRR)
	}
	if len(e.Rows) != len(rows) || e.LeftOut > 0 {
		return fmt.Errorf("%d rows and %d left out, there are %d", len(e.Rows), e.LeftOut, len(rows))
	}
	var sum money.Amount
	for i := range e.Rows {
		r := &e.Rows[i]
		sum = sum.Add(r.Change)
		switch {
		case r.Key != rows[i].Key || r.Change != rows[i].Change || r.Class != rows[i].Class || *r.Parts != *rows[i].Parts || r.Final != rows[i].Final:
			return fmt.Errorf("row %d is %s %s %s, it was sent as %s %s %s", i, r.Key, r.Class, r.Change, rows[i].Key, rows[i].Class, rows[i].Change)
		case r.Balance != sum:
			return fmt.Errorf("%s: the running MRR is %s, the sum %s", r.Key, r.Balance, sum)
		}
		if err := explainedRow(r); err != nil {
			return fmt.Errorf("%s: %w", r.Key, err)
		}
	}
	return nil
}

// explainedRow holds one row against what must stand behind it.
func explainedRow(r *aggregate.ExplainedRow) error {
	if aggregate.Reason(r.Rule) == "" {
		return fmt.Errorf("rule %q has no sentence", r.Rule)
	}
	if r.Forgotten {
		return fmt.Errorf("forgotten, with %d events", len(r.Events))
	}
	roles := map[aggregate.Role]int{}
	for _, ref := range r.Events {
		roles[ref.Role]++
	}
	switch {
	case r.IsUsage:
		u := r.Usage
		if u == nil || u.LevelNow.Sub(u.LevelBefore) != r.Change {
			return fmt.Errorf("figures %+v do not make the change %s", u, r.Change)
		}
		if got := roles[aggregate.RoleUsage] + r.EventsLeftOut; u.Quantity.Sign() != 0 && got == 0 && !u.Stated {
			return fmt.Errorf("quantity %s of no event", u.Quantity)
		}
		if u.Stated != (roles[aggregate.RoleStatement] == 1) {
			return fmt.Errorf("stated %t by %d statements", u.Stated, roles[aggregate.RoleStatement])
		}
		if u.Unrated == (roles[aggregate.RoleTerms] == 1) {
			return fmt.Errorf("unrated %t with %d terms", u.Unrated, roles[aggregate.RoleTerms])
		}
		return nil
	case r.Class == aggregate.ClassFX:
		if len(r.Rates) == 0 || len(r.Events) > 0 {
			return fmt.Errorf("%d rates, %d events", len(r.Rates), len(r.Events))
		}
		return nil
	}
	want := map[aggregate.Role]int{aggregate.RoleEvent: 1}
	switch {
	case r.MergedInto != "":
		want[aggregate.RoleOwner] = 1
	case r.Rule == "superseded":
		want[aggregate.RoleReplacedBy] = 1
	case r.Class == aggregate.ClassRevoked:
		want[aggregate.RoleRevokedBy] = max(roles[aggregate.RoleRevokedBy], 1) // every revocation counts
	default:
		want[aggregate.RoleMember] = roles[aggregate.RoleMember]
	}
	for role, n := range want {
		if roles[role] != n {
			return fmt.Errorf("%d events are %s, want %d", roles[role], role, n)
		}
		delete(roles, role)
	}
	if len(roles) > 0 {
		return fmt.Errorf("events of roles %v", roles)
	}
	return nil
}

func explainedMonth(s *aggregate.State, month *aggregate.MonthRow) error {
	within, ok := aggregate.IntervalNamed(month.Month.String())
	if !ok {
		return fmt.Errorf("is no interval")
	}
	e, _ := s.Explain(month.Account, &within)
	if e.Opening != month.Opening || e.Closing != month.Closing || e.OpeningBalance != month.Sums[aggregate.SumOpeningBalance] {
		return fmt.Errorf("opens at %s, with a balance of %s, and closes at %s, the row at %s, %s, %s",
			e.Opening, e.OpeningBalance, e.Closing, month.Opening, month.Sums[aggregate.SumOpeningBalance], month.Closing)
	}
	sum := e.Booked
	for i := range e.Rows {
		if at := e.Rows[i].At; at < e.Start || at >= e.End {
			return fmt.Errorf("%s is booked at %s", e.Rows[i].Key, at)
		}
		sum = sum.Add(e.Rows[i].Change)
	}
	if sum != e.Closing {
		return fmt.Errorf("its rows lead to %s, it closes at %s", sum, e.Closing)
	}
	return nil
}

// The names of intervals are those of output rows, in every kind, year and fiscal year.
func TestIntervalsAreNamedAsInRows(t *testing.T) {
	for _, fiscal := range []int{1, 4, 12} {
		c := aggregate.NewCalendar(instant(1970, 1, 1).UTC().Location(), fiscal)
		for day := c.Day(instant(1971, 1, 1)); day < c.Day(instant(2199, 1, 1)); day += 5 {
			for k := aggregate.KindDay; k < aggregate.KindRolling; k++ {
				index := c.Index(k, day)
				i, ok := aggregate.IntervalNamed(c.Name(k, index))
				if !ok {
					t.Fatalf("%s is no interval", c.Name(k, index))
				}
				if start, end := c.Bounds(i); start != c.Start(k, index) || end != c.Start(k, index+1) {
					t.Fatalf("fiscal %d: %s is [%s, %s)", fiscal, c.Name(k, index), start, end)
				}
			}
		}
	}
	for _, name := range []string{
		"", "2026-3", "2026-13", "2026-00", "2026-02-30", "2026-W00", "2026-W54", "2027-W53", "2026-W1", "2026-Q0", "2026-Q5", "2026-q1",
		"26", "20260", "1969", "2200", "2026-03-05T00:00:00Z", " 2026", "30d", "-026-Q1", "+026-W10",
	} {
		if _, ok := aggregate.IntervalNamed(name); ok {
			t.Errorf("%q is taken for an interval", name)
		}
	}
	if i, ok := aggregate.IntervalNamed("2026-W53"); !ok {
		t.Error("2026 has a week 53")
	} else if start, _ := aggregate.NewCalendar(instant(2026, 1, 1).UTC().Location(), 1).Bounds(i); start != instant(2026, 12, 28) {
		t.Errorf("it begins at %s", start)
	}
}

// An account is known by its first event once that is flushed.
func TestExplainUnknown(t *testing.T) {
	s, err := aggregate.New(aggregate.Options{Currency: "USD", ReportingStart: event.NoTime})
	if err != nil {
		t.Fatal(err)
	}
	if _, found := s.Explain("acme", nil); found {
		t.Error("nobody is explained")
	}
}
