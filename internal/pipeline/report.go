package pipeline

import (
	"strings"
	"sync"
	"time"

	"processor/internal/event"
	"processor/internal/row"
	"processor/internal/sink"
)

// statusBoard holds the latest status. It is written by the ledger only.
type statusBoard struct {
	mu     sync.Mutex
	status Status
}

// set changes the phase and tells the observer.
func (b *statusBoard) set(p *pipeline, phase Phase) {
	b.mu.Lock()
	b.status.Phase, b.status.Of = phase, p.partitions
	if phase == PhaseJoining {
		b.status.Shards, b.status.Watermark = nil, event.NoTime
	}
	status := b.status
	b.mu.Unlock()
	p.options.Observer.Status(status)
}

// open says which shards there are now.
func (b *statusBoard) open(p *pipeline, shards []*shard) {
	b.set(p, PhaseCatchingUp)
	b.update(p, shards)
}

// update tells the observer where the shards stand.
func (b *statusBoard) update(p *pipeline, shards []*shard) {
	list := make([]ShardStatus, 0, len(shards))
	watermark, caughtUp := event.NoTime, true
	for i, s := range shards {
		one := ShardStatus{
			Shard: s.number, Watermark: s.state.Watermark(), Accounts: s.state.Accounts(),
			CaughtUp: s.caughtUp() && s.resend == nil, Epoch: s.epoch, Flush: s.flushes,
		}
		p.options.Metrics.update(func(r *Reading) { one.Saved = r.Shards[s.number].Saved })
		for _, src := range s.sources {
			one.LagRecords += src.lag()
		}
		if i == 0 || one.Watermark < watermark {
			watermark = one.Watermark
		}
		caughtUp = caughtUp && one.CaughtUp
		list = append(list, one)
	}
	b.mu.Lock()
	b.status.Shards, b.status.Watermark = list, watermark
	running := caughtUp && b.status.Phase == PhaseCatchingUp
	if running {
		b.status.Phase = PhaseRunning
	}
	status := b.status
	b.mu.Unlock()
	if running {
		p.options.Logger.Info("caught up with what the sources held at the start", "shards", len(list), "watermark", watermark.String())
	}
	p.options.Observer.Status(status)
}

// report tells the metrics and the observer about a flush.
func (s *session) report(took time.Duration) {
	clock, security := s.options.Clock(), s.options.Cluster.Security()
	s.options.Metrics.update(func(r *Reading) {
		r.Security = security
		r.Flushes++
		r.FlushTime += took
		for _, shard := range s.shards {
			shard.reportTo(r, clock)
		}
	})
	s.status.update(s.pipeline, s.shards)
}

// reportTo moves the shard's tally into the reading.
func (s *shard) reportTo(r *Reading, clock time.Time) {
	for _, src := range s.sources {
		key := Partition{Topic: src.Topic, Partition: src.Partition}
		p := r.Partitions[key]
		if p.Results == nil {
			p.Results = map[Result]int64{}
		}
		if counts := s.tally.results[key]; counts != nil {
			for i, n := range counts {
				p.Results[Results[i]] += n
				p.Read += n
			}
			delete(s.tally.results, key)
		}
		p.Position, p.LagRecords, p.LagTime, p.Lost = src.Next, src.lag(), 0, s.lost(src)
		if p.LagRecords > 0 && src.appended != event.NoTime {
			p.LagTime = max(clock.Sub(src.appended.UTC()), 0)
		}
		r.Partitions[key] = p
	}
	for reason, n := range s.tally.rejected {
		r.Rejections[reason] += n
	}
	clear(s.tally.rejected)
	one := r.Shards[s.number]
	one.Watermark, one.Accounts, one.Bytes = s.state.Watermark(), s.state.Accounts(), s.state.Bytes()
	one.Unrated = s.state.Unrated()
	one.OpenBytes, one.Open = s.state.Room()
	r.Shards[s.number] = one
}

// countRows counts acknowledged rows by topic.
func (p *pipeline) countRows(messages []sink.Message) {
	counts := map[string]int64{}
	for i := range messages {
		counts[messages[i].Topic]++
	}
	p.options.Metrics.update(func(r *Reading) {
		for topic, n := range counts {
			r.Rows[row.Topic(strings.TrimPrefix(topic, p.options.Prefix))] += n
		}
	})
}

// countSave counts one shard's checkpoint.
func (p *pipeline) countSave(number int, size int64, took time.Duration) {
	p.options.Metrics.update(func(r *Reading) {
		r.Checkpoints++
		r.CheckpointTime += took
		r.CheckpointBytes += size
		one := r.Shards[number]
		one.Saved, one.SaveTime, one.SaveBytes = p.options.Clock(), took, size
		r.Shards[number] = one
	})
}
