package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
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

var listWindows = []aggregate.Window{{Name: "7d", Length: 168 * time.Hour, Step: time.Hour}, {Name: "30d", Length: 720 * time.Hour, Step: time.Hour}}

// dims are those of an account with a region and a plan tier.
func dims(tier, region string) *aggregate.Dims {
	return &aggregate.Dims{Values: []string{region, tier}}
}

// account is a row with its sums of 30 days.
func account(id, region string, mrr, expansion, contraction int64) aggregate.AccountRow {
	return aggregate.AccountRow{
		Account: id, Name: "The " + id, Status: "paying", MRR: money.Units(mrr), FirstPaidAt: 0, LastMovementAt: event.NoTime, Dims: dims("smb", region),
		Windows: []aggregate.WindowSums{{}, {Expansion: money.Units(expansion), Contraction: money.Units(contraction), NetChange: money.Units(expansion - contraction)}},
	}
}

// day is an instant in March 2026.
func day(n int) event.Time { return event.At(time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC)) }

func movement(account, key string, at event.Time, class aggregate.Class) aggregate.MovementRow {
	return aggregate.MovementRow{Account: account, Movement: aggregate.Movement{Key: key, At: at, Class: class, Rule: "4", Parts: new(aggregate.Parts), Dims: dims("smb", "eu")}}
}

// listServer has some accounts and movements of one shard of two.
func listServer(t *testing.T, o web.Options) http.Handler {
	t.Helper()
	o.Ledger = web.NewLedger(web.LedgerOptions{})
	o.Dimensions, o.Windows = []string{"region", "plan_tier"}, listWindows
	for _, u := range []aggregate.Updates{
		{Accounts: []aggregate.AccountRow{account("acme", "eu", 100, 30, 0)}, Movements: []aggregate.MovementRow{movement("acme", "a1", day(1), aggregate.ClassNew), movement("acme", "a2", day(9), aggregate.ClassExpansion)}},
		{Accounts: []aggregate.AccountRow{account("bolt", "us", 900, 10, 5)}, Movements: []aggregate.MovementRow{movement("bolt", "b1", day(9), aggregate.ClassContraction)}},
		{Accounts: []aggregate.AccountRow{account("core", "eu", 500, 0, 80)}},
		{Accounts: []aggregate.AccountRow{account("dune", "", 70, 0, 0)}},
	} {
		o.Ledger.Observe(0, &u)
	}
	b, h := newServer(t, o, month("region", "eu", 3, 1000, 250), month("region", "us", 3, 10, 1), month("all", "all", 3, 1010, 251))
	b.SetStatus(web.Status{Phase: "running", Ready: true, Of: 2, Accounts: 4, Watermark: day(17), Shards: []web.ShardStatus{{Shard: 0, Accounts: 4}}})
	return h
}

// answerOf is a list as a reader gets it.
type answerOf struct {
	Total    int
	Rows     []map[string]any
	Next     *string
	Shards   int
	ShardsOf int `json:"shards_of"`
	Omitted  int
	Complete bool
}

func listOf(t *testing.T, h http.Handler, target string) (a answerOf) {
	t.Helper()
	w := get(t, h, target)
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%s: %d %v %s", target, w.Code, err, w.Body)
	}
	return a
}

// names are the rows' accounts, or another field.
func names(a answerOf, field string) string {
	var all []string
	for _, row := range a.Rows {
		all = append(all, fmt.Sprint(row[field]))
	}
	return strings.Join(all, " ")
}

// Which accounts expand most and which shrink is one question each.
func TestAccountsThatExpandAndShrink(t *testing.T) {
	h := listServer(t, web.Options{})
	for query, want := range map[string]string{
		"":                                     "acme bolt",
		"?sort=expansion&window=7d":            "",
		"?sort=contraction":                    "core bolt",
		"?sort=net_change":                     "acme bolt core",
		"?sort=net_change&order=asc":           "core bolt acme",
		"?sort=mrr":                            "bolt core acme dune",
		"?sort=mrr&grouping=region&segment=eu": "core acme",
		"?sort=account":                        "acme bolt core dune",
		"?sort=account&status=churned":         "",
		"?sort=mrr&grouping=region&segment=(none)":           "dune",
		"?sort=mrr&grouping=plan_tier,region&segment=smb,us": "bolt",
		"?sort=mrr&grouping=all&segment=all":                 "bolt core acme dune",
	} {
		a := listOf(t, h, "/api/v1/accounts"+strings.ReplaceAll(query, ",", "%2C"))
		if got := names(a, "account"); got != want || a.Total != len(a.Rows) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if a.Shards != 1 || a.ShardsOf != 2 || a.Omitted != 0 {
			t.Errorf("%s: %+v", query, a)
		}
	}
	row := listOf(t, h, "/api/v1/accounts?limit=1").Rows[0]
	if row["30d_expansion_mrr"] != "30.000000" || row["7d_net_change"] != "0.000000" || row["dim_region"] != "eu" || row["known_at"] != "2026-03-17T00:00:00Z" {
		t.Errorf("%v", row)
	}
	if _, has := row["version"]; has {
		t.Error("a version, which only the topic gives")
	}
	for _, query := range []string{"?grouping=region", "?segment=eu", "?grouping=industry&segment=x", "?grouping=region&segment=eu,us", "?sort=name", "?window=90d", "?cursor=x", "?limit=0", "?region=eu"} {
		if w := get(t, h, "/api/v1/accounts"+query); w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "eu,us") {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// Whatever the size of a page, the pages together are the list, in its order, each row once.
func TestPagesAreTheList(t *testing.T) {
	h := listServer(t, web.Options{Alerts: func() (alerts []web.Alert) {
		for _, rule := range []string{"slow", "fast", "<b>"} {
			alerts = append(alerts, web.Alert{Rule: rule, Grouping: "all", Segment: "all", Row: []byte(fmt.Sprintf(`{"rule":%q,"grouping":"all","segment":"all","state":"firing"}`, rule))})
		}
		return alerts
	}})
	for target, field := range map[string]string{
		"/api/v1/accounts?sort=mrr": "account", "/api/v1/accounts?sort=account": "account", "/api/v1/accounts?sort=net_change&order=asc": "account",
		"/api/v1/movements?": "movement", "/api/v1/metrics?": "segment", "/api/v1/segments?": "segment", "/api/v1/alerts?": "rule",
	} {
		whole := listOf(t, h, target)
		if len(whole.Rows) < 3 || whole.Next != nil {
			t.Fatalf("%s: %d rows, next %v", target, len(whole.Rows), whole.Next)
		}
		for limit := 1; limit <= 3; limit++ {
			var seen []string
			cursor := ""
			for range len(whole.Rows) + 1 {
				page := listOf(t, h, fmt.Sprintf("%s&limit=%d&cursor=%s", target, limit, cursor))
				if page.Total != whole.Total || len(page.Rows) > limit {
					t.Fatalf("%s: %d rows of %d", target, len(page.Rows), page.Total)
				}
				seen = append(seen, strings.Fields(names(page, field))...)
				if page.Next == nil {
					break
				}
				cursor = *page.Next
			}
			if got := strings.Join(seen, " "); got != names(whole, field) {
				t.Errorf("%s by %d: %q, want %q", target, limit, got, names(whole, field))
			}
		}
	}
	cursor := *listOf(t, h, "/api/v1/accounts?sort=mrr&limit=1").Next
	for _, target := range []string{"/api/v1/accounts?sort=account&cursor=", "/api/v1/movements?cursor=", "/api/v1/metrics?cursor=", "/api/v1/segments?cursor=", "/api/v1/alerts?cursor="} {
		if w := get(t, h, target+cursor); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "the same question") {
			t.Errorf("%s with the cursor of another list: %d %s", target, w.Code, w.Body)
		}
	}
}

// A page that did not change is not sent again.
func TestAnswersHaveTags(t *testing.T) {
	h := listServer(t, web.Options{})
	for _, target := range []string{"/api/v1/accounts", "/api/v1/metrics", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/accounts?format=csv"} {
		tag := get(t, h, target).Header().Get("ETag")
		for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			r.Header.Set("If-None-Match", header)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if tag == "" || w.Code != http.StatusNotModified || w.Body.Len() > 0 {
				t.Errorf("%s with %s: %d, %d bytes", target, header, w.Code, w.Body.Len())
			}
		}
	}
	if get(t, h, "/api/v1/accounts?limit=1").Header().Get("ETag") == get(t, h, "/api/v1/accounts?limit=2").Header().Get("ETag") {
		t.Error("two answers have one tag")
	}
}

func tableOf(t *testing.T, body string) [][]string {
	t.Helper()
	table, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	return table
}

func TestTables(t *testing.T) {
	h := listServer(t, web.Options{})
	w := get(t, h, "/api/v1/accounts?sort=net_change&format=csv&limit=2")
	table := tableOf(t, w.Body.String())
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/csv") || len(table) != 3 || table[1][0] != "acme" {
		t.Errorf("%s %q", kind, table)
	}
	if link := w.Header().Get("Link"); !strings.HasPrefix(link, "<?cursor=") || !strings.HasSuffix(link, `>; rel="next"`) {
		t.Errorf("Link %q", link)
	}
	column := slices.Index(table[0], "30d_net_change")
	if table[2][column] != "5.000000" {
		t.Errorf("%q", table)
	}
	shrinking := tableOf(t, get(t, h, "/api/v1/accounts?sort=net_change&order=asc&format=csv&limit=1").Body.String())
	if shrinking[1][column] != "-80.000000" { // a number, not a formula
		t.Errorf("%q", shrinking)
	}
	if empty := tableOf(t, get(t, h, "/api/v1/accounts?window=7d&format=csv").Body.String()); len(empty) != 1 || !slices.Equal(empty[0], table[0]) {
		t.Errorf("without rows: %q", empty)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/metrics", nil)
	r.Header.Set("Accept", "text/csv")
	accepted := httptest.NewRecorder()
	h.ServeHTTP(accepted, r)
	if table := tableOf(t, accepted.Body.String()); len(table) != 4 || table[1][0] != "all" {
		t.Errorf("%q", table)
	}
}

// Whatever an account is called, neither JSON nor a table carries it in a form that does something.
func TestHostileAccountsInLists(t *testing.T) {
	for _, name := range append(hostileNames, "+1", "-1+1", "@x", "\t=1", "\x7f", "\u0085next", "\ufeffbom") {
		o := web.Options{Ledger: web.NewLedger(web.LedgerOptions{}), Dimensions: []string{"region", "plan_tier"}, Windows: listWindows}
		one := account("id", "eu", 100, 30, 0)
		one.Account, one.Name = name, name
		o.Ledger.Observe(0, &aggregate.Updates{Accounts: []aggregate.AccountRow{one}, Movements: []aggregate.MovementRow{movement(name, "event/"+name, day(2), aggregate.ClassNew)}})
		if len(name) > 4<<10 {
			one.Account = "long"
			o.Ledger.Observe(0, &aggregate.Updates{Accounts: []aggregate.AccountRow{one}, Movements: []aggregate.MovementRow{movement("long", "event/1", day(2), aggregate.ClassNew)}})
		}
		_, h := newServer(t, o)
		for _, list := range []string{"/api/v1/accounts", "/api/v1/movements"} {
			body := get(t, h, list).Body.String()
			harmless(t, name, body)
			if strings.ContainsAny(body, "\u202e\u2028\u0085\ufeff\x7f") {
				t.Errorf("%.40q: %s has characters that change how others look", name, list)
			}
			var a answerOf
			if err := json.Unmarshal([]byte(body), &a); err != nil || len(a.Rows) != 1 {
				t.Errorf("%.40q: %v, %d rows", name, err, len(a.Rows))
				continue
			}
			if got := a.Rows[0]["account"]; len(name) <= 4<<10 && got != strings.ToValidUTF8(name, "\ufffd") {
				t.Errorf("%.40q became %.40q", name, got)
			}
			text := get(t, h, list+"?format=csv").Body.String()
			if strings.ContainsAny(text, "\x00\x7f\u202e\u2028\u0085") {
				t.Errorf("%.40q: raw characters in the table", name)
			}
			for _, cell := range tableOf(t, text)[1] {
				if cell != "" && strings.ContainsRune("=+@", rune(cell[0])) || strings.HasPrefix(cell, "-1+") {
					t.Errorf("%.40q: a formula in the table: %.40q", name, cell)
				}
			}
		}
	}
}

// asked is an Asker that knows one account.
type asked struct {
	row  aggregate.AccountRow
	rows []aggregate.MovementRow
	err  error
}

func (a asked) Account(context.Context, string) (aggregate.AccountRow, event.Time, error) {
	return a.row, day(17), a.err
}

func (a asked) Movements(_ context.Context, _ string, choose func([]aggregate.MovementRow)) (event.Time, error) {
	if a.err == nil {
		choose(a.rows)
	}
	return day(17), a.err
}

func TestAccountAndItsMovements(t *testing.T) {
	owner := asked{row: account("acme", "eu", 100, 30, 0), rows: []aggregate.MovementRow{
		movement("acme", "a1", day(1), aggregate.ClassNew), movement("acme", "a2", day(9), aggregate.ClassExpansion), movement("acme", "a3", day(9), aggregate.ClassExpansion),
	}}
	h := listServer(t, web.Options{Asker: owner})
	var row map[string]any
	if err := json.Unmarshal(get(t, h, "/api/v1/accounts/acme").Body.Bytes(), &row); err != nil || row["mrr"] != "100.000000" || row["name"] != "The acme" || row["known_at"] != "2026-03-17T00:00:00Z" {
		t.Errorf("%v %v", err, row)
	}
	for query, want := range map[string]string{
		"?account=acme": "a1 a2 a3", "?account=acme&interval=2026-03-09": "a2 a3", "?account=acme&class=new": "a1", "?account=acme&limit=2": "a1 a2",
		"?interval=2026-03-09": "a2 b1", "?interval=2026-W10": "", "?class=contraction": "b1", "?interval=2026-02": "",
	} {
		a := listOf(t, h, "/api/v1/movements"+query)
		if got := names(a, "movement"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if a.Complete != strings.Contains(query, "account=") { // of one shard of two
			t.Errorf("%s: complete %t", query, a.Complete)
		}
	}
	for _, query := range []string{"?interval=2026-13", "?class=growth", "?account=acme&cursor=e30"} {
		if w := get(t, h, "/api/v1/movements"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	if w := get(t, listServer(t, web.Options{}), "/api/v1/accounts/acme"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("without a ledger: %d", w.Code)
	}
}

// A question about another instance's account is led there, path and query unchanged.
func TestOtherInstancesAccounts(t *testing.T) {
	elsewhere := &web.Refusal{Code: http.StatusTemporaryRedirect, Text: "the account belongs to another instance", Owner: "http://processor-1.processor:8080"}
	h := listServer(t, web.Options{Asker: asked{err: elsewhere}, Explain: func(context.Context, string, *aggregate.Interval) (*aggregate.Explanation, error) {
		return nil, elsewhere
	}})
	for _, path := range []string{"/api/v1/accounts/a%2Fb%20%3Cc%3E", "/api/v1/accounts/acme/explain?interval=2026-03", "/api/v1/movements?account=acme&limit=5"} {
		w := get(t, h, path)
		if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != elsewhere.Owner+path {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	broken := listServer(t, web.Options{Asker: asked{err: errors.New("the secret cause")}})
	if w := get(t, broken, "/api/v1/accounts/acme"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// However many accounts there are, the list keeps those with the largest amounts and says how many it leaves out.
func TestTheLedgerIsBounded(t *testing.T) {
	l := web.NewLedger(web.LedgerOptions{Accounts: 100, Movements: 50})
	o := web.Options{Ledger: l, Dimensions: []string{"region", "plan_tier"}, Windows: listWindows}
	b, h := newServer(t, o)
	for i := range 5000 {
		id := fmt.Sprintf("account-%04d", (i*7919)%5000)
		u := aggregate.Updates{Accounts: []aggregate.AccountRow{account(id, "eu", int64((i*7919)%5000), 0, 0)}, Movements: []aggregate.MovementRow{movement(id, "m", day(1)+event.Time(i), aggregate.ClassNew)}}
		l.Observe(i%2, &u)
	}
	b.SetStatus(web.Status{Of: 1, Accounts: 5000, Shards: []web.ShardStatus{{}}})
	a := listOf(t, h, "/api/v1/accounts?sort=mrr&limit=50")
	if a.Total > 125 || a.Omitted != 5000-a.Total || a.Rows[0]["account"] != "account-4999" || a.Rows[49]["account"] != "account-4950" {
		t.Errorf("%d of %d listed, from %v to %v", a.Total, a.Omitted, a.Rows[0]["account"], a.Rows[49]["account"])
	}
	shrunk := aggregate.Updates{Accounts: []aggregate.AccountRow{account("account-4999", "eu", 1, 0, 0)}}
	l.Observe(0, &shrunk)
	if a = listOf(t, h, "/api/v1/accounts?sort=mrr&limit=1"); a.Rows[0]["account"] != "account-4998" {
		t.Errorf("an account that shrank is still first: %v", a.Rows[0])
	}
	if m := listOf(t, h, "/api/v1/movements?limit=1000"); m.Total > 63 || m.Complete {
		t.Errorf("%d movements, complete %t", m.Total, m.Complete)
	}
	recent := day(1) + 5000
	u := aggregate.Updates{Movements: []aggregate.MovementRow{movement("acme", "now", day(20), aggregate.ClassNew)}}
	l.Observe(0, &u)
	if m := listOf(t, h, "/api/v1/movements?interval=2026-03-20"); m.Total != 1 || !m.Complete || recent >= day(20) {
		t.Errorf("a day that is all there: %+v", m)
	}
	l.Drop(0)
	l.Drop(1)
	if a = listOf(t, h, "/api/v1/accounts?sort=mrr"); a.Total != 0 {
		t.Errorf("%d accounts of shards that are gone", a.Total)
	}
}

// The page of a list takes no longer and no more memory than its limit asks for.
func TestAPageOfAHundredThousand(t *testing.T) {
	b, h := newServer(t, web.Options{})
	for i := range 20_000 {
		b.Observe([]rollup.Row{month("region", fmt.Sprintf("s%05d", (i*7919)%20_000), 3, 10, 1)}, 1)
	}
	a := listOf(t, h, "/api/v1/segments?limit=3")
	if got := names(a, "segment"); got != "s00000 s00001 s00002" || a.Total != 20_000 {
		t.Errorf("%q of %d", got, a.Total)
	}
	if next := listOf(t, h, "/api/v1/segments?limit=2&cursor="+url.QueryEscape(*a.Next)); names(next, "segment") != "s00003 s00004" {
		t.Errorf("%q", names(next, "segment"))
	}
}

// Who is ready to expand comes first, and who had better be left alone is asked for apart.
func TestAccountsThatAreReady(t *testing.T) {
	l := web.NewLedger(web.LedgerOptions{})
	for account, ready := range map[string]*aggregate.Readiness{
		"acme": {Index: 40}, "bolt": {Index: 90, Gated: aggregate.GateHealth}, "core": {Index: 70}, "dune": nil, "echo": {},
	} {
		l.Observe(0, &aggregate.Updates{Accounts: []aggregate.AccountRow{{Account: account, Status: "paying", Readiness: ready, Dims: &aggregate.Dims{Values: []string{""}}}}})
	}
	_, h := newServer(t, web.Options{Ledger: l, Dimensions: []string{"region"}})
	for query, want := range map[string]string{
		"?sort=readiness_index":                       "bolt core acme",
		"?sort=readiness_index&gated=false":           "core acme",
		"?sort=readiness_index&gated=true":            "bolt",
		"?sort=account&gated=false":                   "acme core echo",
		"?sort=readiness_index&order=asc&gated=false": "acme core",
	} {
		if got := names(listOf(t, h, "/api/v1/accounts"+query), "account"); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}
