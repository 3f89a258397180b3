package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/row"
	"processor/internal/web"
)

// explainAcme knows every account by its id and one made-up movement.
func explainAcme(_ context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error) {
	e := &aggregate.Explanation{
		Account: account, Name: account, Status: "paying", Currency: "USD", Start: event.NoTime, End: event.NoTime,
		Closing: money.Units(5), Movements: money.Units(5),
		Rows: []aggregate.ExplainedRow{{
			Movement: aggregate.Movement{Key: "event/billing/" + account, Rule: "4", Change: money.Units(5), Parts: new(aggregate.Parts)},
			Events: []aggregate.EventRef{{
				Role: aggregate.RoleEvent, ID: account, Step: event.NoTime, Position: event.Position{Topic: account, Partition: 3, Offset: 7},
			}},
		}},
	}
	if within != nil {
		e.Start, e.End = aggregate.NewCalendar(event.Time(0).UTC().Location(), 1).Bounds(*within)
	}
	return e, nil
}

// The answer is the document of `explain -o json`, byte for byte.
func TestExplain(t *testing.T) {
	_, h := newServer(t, web.Options{Explain: explainAcme})
	w := get(t, h, "/api/v1/accounts/acme/explain?interval=2026-03")
	within, _ := aggregate.IntervalNamed("2026-03")
	e, _ := explainAcme(t.Context(), "acme", &within)
	want, err := row.Explain(e, "2026-03").JSON()
	if err != nil || w.Code != http.StatusOK || w.Body.String() != string(want)+"\n" {
		t.Fatalf("%d %s, %v", w.Code, w.Body, err)
	}
	for _, part := range []string{`"interval":"2026-03","starts_at":"2026-03-01T00:00:00Z"`, `"topic":"acme","partition":3,"offset":7`} {
		if !strings.Contains(w.Body.String(), part) {
			t.Errorf("no %s in %s", part, w.Body)
		}
	}
	if kind := w.Header().Get("Content-Type"); kind != "application/json" {
		t.Error(kind)
	}
}

// Whatever an account is called, it is found under its name, and no answer carries it as markup.
func TestExplainHostileAccounts(t *testing.T) {
	_, h := newServer(t, web.Options{Explain: explainAcme})
	for _, name := range append(hostileNames, "a/b", "a b", "a%2Fb", "..", "a/../b", "ü", "?x=1", "#") {
		escaped := url.PathEscape(name)
		if strings.Trim(name, ".") == "" {
			escaped = strings.ReplaceAll(name, ".", "%2E")
		}
		w := get(t, h, "/api/v1/accounts/"+escaped+"/explain")
		if w.Code != http.StatusOK {
			t.Errorf("%.40q: %d %s", name, w.Code, w.Body)
			continue
		}
		harmless(t, name, w.Body.String())
		var x row.Explanation
		if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || x.Account != strings.ToValidUTF8(name, "\ufffd") {
			t.Errorf("%.40q: %v, account %.40q", name, err, x.Account)
		}
	}
}

func TestExplainRefusals(t *testing.T) {
	refusing := func(err error) http.Handler {
		_, h := newServer(t, web.Options{Explain: func(context.Context, string, *aggregate.Interval) (*aggregate.Explanation, error) { return nil, err }})
		return h
	}
	_, none := newServer(t, web.Options{})
	for _, c := range []struct {
		handler http.Handler
		query   string
		code    int
		says    string
	}{
		{refusing(&web.Refusal{Code: http.StatusNotFound, Text: "there is no such account", Nearest: []string{"<acme>"}}), "", 404, `"nearest":["\u003cacme\u003e"]`},
		{refusing(&web.Refusal{Code: http.StatusServiceUnavailable, Text: "the accounts are being restored"}), "", 503, "being restored"},
		{refusing(errors.New("the secret cause")), "", 500, "the log says why"},
		{none, "", 503, "there are no accounts here"},
		{none, "?interval=2026-13", 400, "2026-W10"},
		{none, "?interval=%3Cb%3E", 400, "2026-W10"},
		{none, "?limit=1", 400, "the parameter is interval"},
	} {
		w := get(t, c.handler, "/api/v1/accounts/acme/explain"+c.query)
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s, want %d with %s", c.query, w.Code, w.Body, c.code, c.says)
		}
		harmless(t, c.query, w.Body.String())
		if strings.Contains(w.Body.String(), "secret") {
			t.Error("an inner error came out")
		}
		if again := w.Header().Get("Retry-After"); (again != "") != (c.code == http.StatusServiceUnavailable) {
			t.Errorf("%d: Retry-After %q", c.code, again)
		}
	}
}

// A question ends with the request that asks it.
func TestExplainEndsWithTheRequest(t *testing.T) {
	_, h := newServer(t, web.Options{Explain: func(ctx context.Context, _ string, _ *aggregate.Interval) (*aggregate.Explanation, error) {
		<-ctx.Done()
		return nil, &web.Refusal{Code: http.StatusServiceUnavailable, Text: "nobody waits"}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/accounts/acme/explain", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
