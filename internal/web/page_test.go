package web_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/web"
)

// shown is what the panels of a page look at.
type shown struct {
	Period   string
	Segment  string
	Type     string
	Periods  []string
	Total    struct{ Closing, Interval string }
	Segments []struct {
		Segment string
		Trend   []string
	}
	Slow []struct {
		Grouping, Segment, Type, Now, Before string
		Periods                              int
	}
	Cohorts *struct {
		Rows []struct {
			Cohort  string
			Closing []string
		}
	}
	Accounts *struct {
		Month                         string
		Expanding, Shrinking, Slowing []struct{ Account, Amount, Before string }
		Complete                      bool
	}
	Feed   []struct{ Account, Class, Change, Type string }
	Offers map[string]bool

	AlertsSaid string `json:"alerts_said"`
}

// look is what a page shows at an address.
func look(t *testing.T, b *web.Board, query string) (s shown) {
	t.Helper()
	_, text := open(t, serveBoard(t, b)+"/api/v1/stream?"+query).next(t)
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// year is twelve months of a segment that expands by 100 of seats each, and by other amounts in the last ones.
func year(grouping, segment string, last ...int64) (rows []rollup.Row) {
	for i := range 12 {
		amount := int64(100)
		if at := i - (12 - len(last)); at >= 0 {
			amount = last[at]
		}
		rows = append(rows, month(grouping, segment, i+1, 1000, amount))
	}
	return rows
}

func at(number, day int) event.Time {
	return event.At(time.Date(2026, time.Month(number), day, 0, 0, 0, 0, time.UTC))
}

// A month that has hardly begun says nothing yet: the one before it is shown, unless it is asked for.
func TestThePeriodThatTellsSomething(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	for _, c := range []struct {
		day         int
		asked, want string
	}{
		{day: 2, want: "2026-11"},
		{day: 16, want: "2026-11"},
		{day: 17, want: "2026-12"},
		{day: 2, asked: "2026-12", want: "2026-12"},
		{day: 20, asked: "2026-03", want: "2026-03"},
		{day: 20, asked: "1999-01", want: "2026-12"},
	} {
		b.Observe(year("all", "all"), at(12, c.day))
		if s := look(t, b, "period="+c.asked); s.Period != c.want || s.Total.Interval != c.want || len(s.Periods) != 12 {
			t.Errorf("on the %d, asked for %q: %s of %v, want %s", c.day, c.asked, s.Period, s.Periods, c.want)
		}
	}
}

// Of the segments around and beside it, the one that stopped is found, and nothing where all slow alike.
func TestTheSegmentThatSlowed(t *testing.T) {
	stopped := [][]rollup.Row{
		year("all", "all", 300), year("plan_tier", "enterprise", 100), year("region", "eu", 100),
		year("plan_tier,region", "enterprise,eu", 2), year("plan_tier,region", "smb,eu", 98), year("plan_tier,region", "enterprise,us", 98),
		year("cohort", "2025-01", 0), // older cohorts always grow more slowly
	}
	for name, c := range map[string]struct {
		rows [][]rollup.Row
		want string
	}{
		"one stopped":        {stopped, "plan_tier,region=enterprise,eu seat 2.000000 after 100.000000 of 6"},
		"all slowed alike":   {[][]rollup.Row{year("all", "all", 20), year("region", "eu", 20)}, ""},
		"a little less":      {[][]rollup.Row{year("all", "all"), year("region", "eu", 85)}, ""},
		"too small to count": {[][]rollup.Row{year("all", "all", slices.Repeat([]int64{50_000}, 12)...), year("region", "eu", 0)}, ""},
	} {
		b := web.NewBoard(web.BoardOptions{})
		for _, rows := range c.rows {
			b.Observe(rows, at(12, 31))
		}
		var got []string
		for _, s := range look(t, b, "").Slow {
			got = append(got, fmt.Sprintf("%s=%s %s %s after %s of %d", s.Grouping, s.Segment, s.Type, s.Now, s.Before, s.Periods))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestCohortsGrowOlder(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(year("all", "all"), at(12, 31))
	if s := look(t, b, ""); s.Cohorts != nil {
		t.Errorf("cohorts without a grouping: %+v", s.Cohorts)
	}
	b.Observe([]rollup.Row{
		month("cohort", "2026-10", 9, 0, 0), month("cohort", "2026-10", 10, 0, 200), month("cohort", "2026-10", 11, 200, 50), month("cohort", "2026-10", 12, 250, 10),
		month("cohort", "2026-12", 12, 0, 70), month("cohort", "2024-03", 12, 500, 5), month("cohort", "(imported)", 12, 500, 5),
	}, at(12, 31))
	got := fmt.Sprint(look(t, b, "").Cohorts.Rows)
	if want := "[{2026-10 [200.000000 250.000000 260.000000]} {2026-12 [70.000000]}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// move is what one account did in a month: rows as the ledger makes them.
func move(account, tier, region string, number int, seats, lost int64) *aggregate.Updates {
	row := aggregate.MonthRow{
		Account: account, Month: event.MonthOf(2026, number), Dims: &aggregate.Dims{Values: []string{region, tier}}, Closing: money.Units(1000),
	}
	row.Sums[aggregate.SumExpansion], row.Sums[aggregate.SumUp] = money.Units(seats), money.Units(seats)
	row.Sums[aggregate.SumContraction] = money.Units(lost)
	change := aggregate.Movement{Key: fmt.Sprint("event/s/", account, number), At: at(number, 3), Class: aggregate.ClassExpansion, Change: money.Units(seats), Parts: &aggregate.Parts{}}
	change.Parts.Up[aggregate.UpSeat] = money.Units(seats)
	return &aggregate.Updates{
		Accounts: []aggregate.AccountRow{{Account: account, Name: "the " + account}}, Months: []aggregate.MonthRow{row},
		Movements: []aggregate.MovementRow{{Account: account, Movement: change}},
	}
}

// The accounts behind a figure are those of the segment and type in view.
func TestAccountsBehindTheFigures(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(append(year("all", "all"), append(year("region", "eu"), append(year("plan_tier,region", "smb,eu"), year("region", "us")...)...)...), at(12, 31))
	for number := 6; number < 12; number++ {
		b.ObserveAccount(3, move("stopped", "smb", "eu", number, 60, 0))
	}
	b.ObserveAccount(3, move("grew", "smb", "us", 12, 90, 0))
	b.ObserveAccount(3, move("grew more", "enterprise", "eu", 12, 91, 0))
	b.ObserveAccount(3, move("shrank", "smb", "eu", 12, 1, 7))
	b.ObserveAccount(3, move("taken back", "smb", "eu", 12, 99, 0))
	gone := move("taken back", "smb", "eu", 12, 0, 0)
	gone.Months[0].Deleted, gone.Movements[0].Deleted = true, true
	b.ObserveAccount(3, gone)
	for query, want := range map[string]string{
		"":           "up grew more 91, grew 90, shrank 1; down shrank 7; slow stopped 0 after 60",
		"segment=eu": "up grew more 91, shrank 1; down shrank 7; slow stopped 0 after 60",
		"grouping=plan_tier,region&segment=smb,eu": "up shrank 1; down shrank 7; slow stopped 0 after 60",
		"type=usage":           "up ; down shrank 7; slow ",
		"segment=us&type=seat": "up grew 90; down ; slow ",
		"segment=nowhere":      "up grew more 91, grew 90, shrank 1; down shrank 7; slow stopped 0 after 60",
	} {
		s := look(t, b, query)
		short := func(amount string) string { return strings.TrimSuffix(amount, ".000000") }
		var up, down, slow []string
		for _, a := range s.Accounts.Expanding {
			up = append(up, a.Account+" "+short(a.Amount))
		}
		for _, a := range s.Accounts.Shrinking {
			down = append(down, a.Account+" "+short(a.Amount))
		}
		for _, a := range s.Accounts.Slowing {
			slow = append(slow, a.Account+" "+short(a.Amount)+" after "+short(a.Before))
		}
		got := fmt.Sprintf("up %s; down %s; slow %s", strings.Join(up, ", "), strings.Join(down, ", "), strings.Join(slow, ", "))
		if got != want || s.Accounts.Month != "2026-12" || !s.Accounts.Complete {
			t.Errorf("%q: %s, want %s (%+v)", query, got, want, s.Accounts)
		}
	}
	b.ObserveAccount(4, move("of another shard", "smb", "eu", 12, 500, 0))
	b.DropShard(4)
	if s := look(t, b, ""); s.Accounts.Expanding[0].Account != "grew more" {
		t.Errorf("the accounts of a shard that is gone are still there: %+v", s.Accounts)
	}
	feed := look(t, b, "").Feed
	if len(feed) != 8 || feed[0].Account != "grew" || feed[0].Type != "seat" || feed[0].Change != "90.000000" || feed[3].Account != "stopped" {
		t.Errorf("%+v", feed)
	}
}

// However many accounts there are, only those that moved most are kept, and the page says so.
func TestTheBookIsBounded(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(year("all", "all"), at(12, 31))
	for i := range 9000 {
		b.ObserveAccount(3, move(fmt.Sprintf("account %d", i), "smb", "eu", 12, int64(1+i*7919%9001), 0))
	}
	s := look(t, b, "")
	if s.Accounts.Complete {
		t.Error("nothing says that small accounts may be missing")
	}
	if first := s.Accounts.Expanding[0].Amount; first != "9001.000000" {
		t.Errorf("the largest is %s", first)
	}
	if kept := web.Kept(b); kept > 4000 {
		t.Errorf("%d accounts are kept", kept)
	}
	b.ObserveAccount(3, move("of next year", "smb", "eu", 27, 5, 0))
	if kept := web.Kept(b); kept != 1 {
		t.Errorf("%d accounts are kept of months that nobody looks back to", kept)
	}
}

// A name of a megabyte is not sent to every page.
func TestLongNamesAreCut(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(year("all", "all"), at(12, 31))
	u := move("a", "smb", "eu", 12, 5, 0)
	u.Accounts[0].Name = strings.Repeat("é", 1<<20)
	b.ObserveAccount(3, u)
	_, text := open(t, serveBoard(t, b)+"/api/v1/stream").next(t)
	if len(text) > 100_000 || !strings.Contains(text, "é…") {
		t.Errorf("an event of %d bytes", len(text))
	}
}

// A page looks at what it was asked for; what is not there gives way, what cannot be is refused.
func TestViewsOfAPage(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	b.Observe(append(year("all", "all"), year("region", "eu", 7)...), at(12, 31))
	s := look(t, b, "segment=eu&type=seat")
	if s.Segment != "eu" || s.Type != "seat" || s.Total.Closing != "1007.000000" || len(s.Segments) != 1 || len(s.Segments[0].Trend) != 12 {
		t.Errorf("%+v", s)
	}
	if s.Offers["alerts"] || s.Offers["explain"] {
		t.Errorf("offers what it has not: %v", s.Offers)
	}
	if s.AlertsSaid != "" {
		t.Errorf("alerts are %q where there are none", s.AlertsSaid)
	}
	_, h := newServer(t, web.Options{})
	if w := get(t, h, "/api/v1/stream?type=magic"); w.Code != 404 {
		t.Errorf("%d", w.Code)
	}
}
