package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/notify"
)

// target answers requests without a network, and keeps what it was sent.
type target struct {
	mu     sync.Mutex
	answer func(n int) int // to the n-th request, from 0
	bodies []string
	heads  []http.Header
	paths  []string
}

// RoundTrip takes one request.
func (s *target) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.bodies)
	s.bodies, s.heads, s.paths = append(s.bodies, string(body)), append(s.heads, r.Header), append(s.paths, r.URL.String())
	code := http.StatusOK
	if s.answer != nil {
		code = s.answer(n)
	}
	if code == 0 {
		return nil, fmt.Errorf("connection refused")
	}
	return &http.Response{StatusCode: code, Body: http.NoBody, Request: r}, nil
}

func (s *target) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// first is the address and the header of the first request.
func (s *target) first() (string, http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paths[0], s.heads[0]
}

// changed is an alert that has just come to a state.
func changed(segment string, state alert.State) alert.Alert {
	rule := &alert.Rule{Name: "slow", Metric: alert.MetricExpansion, Interval: "30d", Comparison: alert.Previous, Severity: "critical"}
	at := event.At(time.Now())
	a := alert.Alert{
		Key: alert.Key{Rule: "slow", Grouping: "region", Segment: segment}, State: state, Since: at,
		PendingSince: event.NoTime, FiredAt: at, ResolvedAt: event.NoTime, By: rule,
		Value: money.Units(70), Base: money.Units(100), Fall: money.Micros(300_000), Opening: money.Units(5000),
		Explanation: alert.Explanation{Accounts: []alert.Part{{Name: "acme", Before: money.Units(40), Now: money.Units(10)}}},
	}
	if state == alert.Resolved {
		a.ResolvedAt = at
	}
	return a
}

// pass lets time go by in the bubble of a test.
func pass(d time.Duration) { <-time.After(d) }

// states are the segments and states of webhook documents.
func states(t *testing.T, bodies []string) string {
	t.Helper()
	var list []string
	for _, body := range bodies {
		var d struct{ Segment, State string }
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		list = append(list, d.Segment+" "+d.State)
	}
	return strings.Join(list, ", ")
}

// start runs a notifier until the bubble's test is over.
func start(t *testing.T, o notify.Options, to *target) *notify.Notifier {
	t.Helper()
	o.Client = &http.Client{Transport: to}
	n := notify.New(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestTheWebhookGetsEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &target{}
		n := start(t, notify.Options{Webhook: "https://hook.example/secret", WebhookAuthorization: "Bearer abc", Currency: "EUR"}, to)
		n.Offer([]alert.Alert{changed("eu", alert.Firing), changed("us", alert.Pending)})
		synctest.Wait()
		n.Offer([]alert.Alert{changed("eu", alert.Resolved)})
		synctest.Wait()
		if got := states(t, to.got()); got != "eu firing, us pending, eu resolved" {
			t.Error(got)
		}
		for _, want := range []string{
			`"rule":"slow"`, `"severity":"critical"`, `"currency":"EUR"`, `"value":"70.000000"`, `"base":"100.000000"`, `"fall":"0.300000"`,
			`"accounts":[{"name":"acme","before":"40.000000","now":"10.000000","change":"-30.000000"}]`,
			`"summary":"region eu: expansion_mrr over 30d is 70 EUR, 30 % under the one before (100 EUR)"`,
		} {
			if !strings.Contains(to.got()[0], want) {
				t.Errorf("no %s in %s", want, to.got()[0])
			}
		}
		if _, head := to.first(); head.Get("Authorization") != "Bearer abc" || head.Get("Content-Type") != "application/json" {
			t.Error(head)
		}
		if webhook, _ := n.Read(); webhook != (notify.Counts{Sent: 3}) {
			t.Error(webhook)
		}
	})
}

// A webhook that is down is tried again, ever more slowly. What changes meanwhile takes the place of what
// waits: nobody wants to be woken by what is over.
func TestTheWebhookIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &target{answer: func(n int) int { return [...]int{0, 503, 429, 200, 200}[min(n, 4)] }}
		n := start(t, notify.Options{Webhook: "http://hook.example"}, to)
		n.Offer([]alert.Alert{changed("eu", alert.Firing)})
		synctest.Wait()
		if got := len(to.got()); got != 1 {
			t.Fatalf("%d requests at once", got)
		}
		pass(time.Second) // the first wait is half a second to a second
		synctest.Wait()
		n.Offer([]alert.Alert{changed("eu", alert.Resolved)})
		pass(time.Minute)
		if got := states(t, to.got()); got != "eu firing, eu firing, eu resolved, eu resolved" {
			t.Error(got)
		}
		if webhook, _ := n.Read(); webhook != (notify.Counts{Sent: 1, Failed: 3}) {
			t.Error(webhook)
		}
	})
}

// What a webhook refuses is not tried again, and what it never takes is given up after an hour.
func TestTheWebhookIsGivenUp(t *testing.T) {
	for name, code := range map[string]int{"refused": http.StatusNotFound, "down": http.StatusBadGateway} {
		synctest.Test(t, func(t *testing.T) {
			to := &target{answer: func(int) int { return code }}
			n := start(t, notify.Options{Webhook: "http://hook.example"}, to)
			n.Offer([]alert.Alert{changed("eu", alert.Firing)})
			pass(2 * time.Hour)
			webhook, _ := n.Read()
			requests := len(to.got())
			if webhook.Dropped != 1 || webhook.Sent != 0 || webhook.Waiting != 0 || webhook.Failed != int64(requests) {
				t.Errorf("%s: %+v", name, webhook)
			}
			if name == "refused" && requests != 1 || name == "down" && (requests < 10 || requests > 40) {
				t.Errorf("%s: %d requests", name, requests)
			}
		})
	}
}

// The list of what waits is bounded: the oldest goes first, and is counted. Offering never waits for
// anybody.
func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := notify.New(notify.Options{Webhook: "http://hook.example", Waiting: 10}) // nobody runs it
		for i := range 25 {
			n.Offer([]alert.Alert{changed(fmt.Sprint(i), alert.Firing)})
		}
		n.Offer([]alert.Alert{changed("24", alert.Resolved)}) // takes the place of its own
		if webhook, _ := n.Read(); webhook != (notify.Counts{Waiting: 10, Dropped: 15}) {
			t.Errorf("%+v", webhook)
		}
	})
}

// A service that reads its history anew tells nobody of it.
func TestOldChangesAreNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &target{}
		n := start(t, notify.Options{Webhook: "http://hook.example"}, to)
		old := changed("eu", alert.Firing)
		pass(2 * time.Hour)
		n.Offer([]alert.Alert{old, changed("us", alert.Firing)})
		synctest.Wait()
		if got := states(t, to.got()); got != "us firing" {
			t.Error(got)
		}
	})
}

// No log and no error shows an address or a header.
func TestSecretsStaySecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		to := &target{answer: func(n int) int { return [...]int{0, 500, 404}[min(n, 2)] }}
		n := start(t, notify.Options{
			Webhook: "https://hook.example/canary-path", WebhookAuthorization: "Bearer canary-token",
			Alertmanagers: []string{"https://canary-host"}, AlertmanagerAuthorization: "Bearer canary-token",
			Board:  func() *alert.Board { return boardOf(changed("eu", alert.Firing)) },
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}, to)
		n.Offer([]alert.Alert{changed("eu", alert.Firing)})
		pass(time.Minute)
		synctest.Wait()
		if text := log.String(); text == "" || strings.Contains(text, "canary") {
			t.Error(text)
		}
	})
}

// boardOf is a board of this instance's alerts.
func boardOf(list ...alert.Alert) *alert.Board {
	b := &alert.Board{Minute: event.At(time.Now()), Alerts: list, Ours: map[alert.Key]bool{}}
	for i := range list {
		b.Ours[list[i].Key] = true
	}
	return b
}

// posted is what an Alertmanager was sent.
type posted struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
}

func postedIn(t *testing.T, body string) (list []posted) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// An Alertmanager is told at once, again every minute, and of the end until it has taken it.
func TestAlertmanagerIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		firing := changed("eu", alert.Firing)
		board := boardOf(firing)
		set := func(b *alert.Board) {
			mu.Lock()
			defer mu.Unlock()
			board = b
		}
		var down atomic.Bool
		to := &target{answer: func(int) int {
			if down.Load() {
				return 503
			}
			return 200
		}}
		n := start(t, notify.Options{
			Alertmanagers: []string{"http://am.example/"}, Currency: "USD",
			Board: func() *alert.Board {
				mu.Lock()
				defer mu.Unlock()
				if board == nil {
					return nil
				}
				now := *board // a board is never changed
				now.Minute = event.At(time.Now())
				return &now
			},
		}, to)
		synctest.Wait()
		first := postedIn(t, to.got()[0])
		path, _ := to.first()
		if path != "http://am.example/api/v2/alerts" || len(first) != 1 || first[0].Labels["alertname"] != "slow" ||
			first[0].Labels["severity"] != "critical" || first[0].Labels["segment"] != "eu" || first[0].Annotations["accounts"] != "acme -30 USD" {
			t.Errorf("%s %+v", path, first)
		}
		if left := time.Until(first[0].EndsAt); left != 4*time.Minute || !first[0].StartsAt.Equal(firing.FiredAt.UTC()) {
			t.Errorf("starts %s, ends in %s", first[0].StartsAt, left)
		}
		pass(3*time.Minute + time.Second)
		if got := len(to.got()); got != 4 {
			t.Errorf("%d requests in three minutes", got)
		}
		set(boardOf(changed("eu", alert.Resolved)))
		down.Store(true)
		n.Offer([]alert.Alert{changed("eu", alert.Resolved)})
		pass(10 * time.Second)
		down.Store(false)
		pass(2 * time.Minute)
		bodies := to.got()
		last := postedIn(t, bodies[len(bodies)-1])
		if len(last) != 1 || last[0].EndsAt.After(time.Now()) {
			t.Errorf("the end: %+v", last)
		}
		ended := len(bodies)
		pass(10 * time.Minute)
		if got := len(to.got()); got != ended {
			t.Errorf("it is told of the end %d times more", got-ended)
		}
		set(nil)
	})
}

// What another instance publishes now is left to it: an end that is none would wake people twice.
func TestAlertmanagerIsNotToldOfAMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var board atomic.Pointer[alert.Board]
		board.Store(boardOf(changed("eu", alert.Firing)))
		to := &target{}
		n := start(t, notify.Options{Alertmanagers: []string{"http://am.example"}, Board: board.Load}, to)
		synctest.Wait()
		moved := boardOf(board.Load().Alerts...)
		moved.Ours = map[alert.Key]bool{}
		board.Store(moved)
		n.Offer([]alert.Alert{changed("us", alert.Pending)})
		synctest.Wait()
		if got := len(to.got()); got != 1 {
			t.Errorf("%d requests: %s", got, to.got()[got-1])
		}
	})
}

// A redirect is not followed: it could lead the header to somebody else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	asked := make(chan struct{}, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		asked <- struct{}{}
	}))
	defer hook.Close()
	n := notify.New(notify.Options{Webhook: hook.URL})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.Offer([]alert.Alert{changed("eu", alert.Firing)})
	<-asked
	for webhook, _ := n.Read(); webhook.Dropped == 0; webhook, _ = n.Read() {
		pass(time.Millisecond)
	}
	stop()
	if err := <-done; err != nil || elsewhere != 0 {
		t.Error(err, elsewhere)
	}
}
