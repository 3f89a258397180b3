package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
)

// Options say who is told, and how.
type Options struct {
	Currency string

	Webhook              string // URL; none when empty
	WebhookAuthorization string // the header; none when empty

	Alertmanagers             []string // URLs, without the path of the API
	AlertmanagerAuthorization string
	ResendInterval            time.Duration       // one minute when 0
	Board                     func() *alert.Board // what stands now; nil while it is not known

	Waiting int              // changes that may wait for the webhook; WaitingMax when 0
	GiveUp  time.Duration    // after which a change is not sent any more; an hour when 0
	Clock   func() time.Time // time.Now when nil
	Client  *http.Client     // one with a time limit when nil
	Logger  *slog.Logger     // nil: silent
}

// WaitingMax is how many changes of state wait for the webhook, unless the options say otherwise.
const WaitingMax = 1000

// lateAfter is how old a change may be: those of a history that is read anew are no news.
const lateAfter = time.Hour

// Counts are what became of what was to be sent to one kind of target.
type Counts struct {
	Sent    int64
	Failed  int64 // attempts; each is tried again
	Dropped int64 // given up, or pushed out at the limit
	Waiting int
}

// Notifier tells others of alerts.
type Notifier struct {
	options Options
	wake    []chan struct{} // of each Alertmanager; holds at most one
	news    chan struct{}   // for the webhook; holds at most one

	mu           sync.Mutex
	waiting      []notice // oldest first, at most one of a key
	webhook      Counts
	alertmanager Counts
}

// notice is a change that waits.
type notice struct {
	alert alert.Alert
	since time.Time // of the clock
}

// New is a notifier that runs with Run.
func New(o Options) *Notifier {
	if o.ResendInterval <= 0 {
		o.ResendInterval = time.Minute
	}
	if o.Waiting <= 0 {
		o.Waiting = WaitingMax
	}
	if o.GiveUp <= 0 {
		o.GiveUp = time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Board == nil {
		o.Board = func() *alert.Board { return nil }
	}
	if o.Client == nil {
		o.Client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	n := &Notifier{options: o, news: make(chan struct{}, 1)}
	for range o.Alertmanagers {
		n.wake = append(n.wake, make(chan struct{}, 1))
	}
	return n
}

// Offer takes changes of state in their order. It never blocks: of one alert only the latest change waits,
// and at the limit the oldest one is dropped and counted. What is more than an hour old is no news.
func (n *Notifier) Offer(changes []alert.Alert) {
	now := n.options.Clock()
	n.mu.Lock()
	for i := range changes {
		if event.At(now)-changes[i].Since < event.Time(lateAfter) && n.options.Webhook != "" {
			n.push(notice{changes[i], now})
		}
	}
	n.webhook.Waiting = len(n.waiting)
	n.mu.Unlock()
	if len(changes) == 0 {
		return
	}
	for _, wake := range append([]chan struct{}{n.news}, n.wake...) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// push files one change. The lock is held.
func (n *Notifier) push(one notice) {
	for i := range n.waiting {
		if n.waiting[i].alert.Key == one.alert.Key {
			n.waiting[i] = one
			return
		}
	}
	if len(n.waiting) >= n.options.Waiting {
		n.waiting = n.waiting[1:]
		n.webhook.Dropped++
	}
	n.waiting = append(n.waiting, one)
}

// Read says what became of everything so far.
func (n *Notifier) Read() (webhook, alertmanager Counts) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.webhook, n.alertmanager
}

// Run sends until ctx ends. It waits for what it has started.
func (n *Notifier) Run(ctx context.Context) error {
	var all sync.WaitGroup
	if n.options.Webhook != "" {
		all.Go(func() { n.post(ctx) })
	}
	for i, url := range n.options.Alertmanagers {
		all.Go(func() { n.resend(ctx, url, n.wake[i]) })
	}
	all.Wait()
	return nil
}

// refusedError is an answer that trying again does not change.
type refusedError struct{ status int }

func (e *refusedError) Error() string {
	return fmt.Sprintf("it answers %d %s", e.status, http.StatusText(e.status))
}

func isRefused(err error) bool {
	var refused *refusedError
	return errors.As(err, &refused)
}
