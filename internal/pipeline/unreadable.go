package pipeline

import (
	"context"
	"sync"
	"time"
)

// quietFor is how long nothing more is said of partitions that cannot be read: an outage of the brokers
// has a line every ten seconds, however many partitions there are and however long it lasts.
const quietFor = 10 * time.Second

// unreadable tells that partitions cannot be read. It may be used by several goroutines.
type unreadable struct {
	mu     sync.Mutex
	said   time.Time
	unsaid int
}

// warnUnreadable says so, unless it was said just now.
func (p *pipeline) warnUnreadable(ctx context.Context, err error) {
	u := &p.unreadable
	u.mu.Lock()
	defer u.mu.Unlock()
	now := time.Now()
	if !u.said.IsZero() && now.Sub(u.said) < quietFor {
		u.unsaid++
		return
	}
	p.options.Logger.WarnContext(ctx, "a partition cannot be read; trying on", "error", err, "not_said", u.unsaid)
	u.said, u.unsaid = now, 0
}
