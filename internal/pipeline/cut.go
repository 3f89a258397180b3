package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// cutHeader is the header of a progress row that holds its cut.
const cutHeader = "cut"

// cut says that the outputs are exactly what the shard makes of the records in front of At, but for what
// it owes its readers. Only a progress row that was committed with all rows of its flush can say so: it is
// the marker of the delivery exactly_once, at which a restart goes on.
type cut struct {
	Generation uint64   `json:"generation"`
	Sent       instant  `json:"sent"` // up to where rows of accounts and registers were sent, at most At
	At         instant  `json:"at"`
	Rows       int64    `json:"rows"` // as in the row
	Debt       *resend  `json:"debt,omitempty"`
	Ticked     []ticked `json:"ticked,omitempty"` // what went out since Sent, for alerts
}

// debt is what the shard owes, as a cut keeps it; nil for nothing.
func (s *shard) debt() *resend {
	if s.resend == nil {
		return nil
	}
	d := *s.resend
	d.Registers = s.holdsBack()
	return &d
}

// instant is a place in the sources, and the watermark there.
type instant struct {
	Watermark event.Time       `json:"watermark"`
	Next      map[string]int64 `json:"next"` // by topic
}

// instant is where the shard stands.
func (s *shard) instant() instant {
	at := instant{Watermark: s.state.Watermark(), Next: make(map[string]int64, len(s.sources))}
	for _, src := range s.sources {
		at.Next[src.Topic] = src.Next
	}
	return at
}

// cut is what the next progress row may claim; nil under at_least_once.
func (s *shard) cut() *cut {
	if s.options.Delivery != ExactlyOnce {
		return nil
	}
	return &cut{Generation: s.generation, Sent: s.sent, At: s.instant(), Rows: s.rows, Debt: s.debt(), Ticked: s.tickedNow()}
}

// cutIn finds the cut among the headers of a progress row; nil where there is none.
func cutIn(headers []consumer.Header) (*cut, error) {
	for _, h := range headers {
		if string(h.Key) != cutHeader {
			continue
		}
		c := new(cut)
		if err := json.Unmarshal(h.Value, c); err != nil {
			return nil, fmt.Errorf("header %s of a progress row: %w", cutHeader, err)
		}
		return c, nil
	}
	return nil, nil
}

// follows says whether the outputs go on from where the shard was restored to: the cut has the shard's
// meaning and is nowhere behind its positions.
func (c *cut) follows(s *shard) bool {
	if c == nil || s.options.Delivery != ExactlyOnce || c.Generation != s.generation {
		return false
	}
	for _, src := range s.sources {
		if next, known := c.At.Next[src.Topic]; known && next < src.Next {
			return false
		}
	}
	return true
}

// followCut goes on at the cut. The new epoch is stored in front of the silence and not behind it: there,
// rows may wait that only this run knows of, and a checkpoint would pass them.
func (p *pipeline) followCut(ctx context.Context, s *shard, m *marker, c *cut, logs borders) error {
	s.resend = c.Debt // before anything is read: what is owed freezes nothing
	if s.resend != nil && s.resend.Registers {
		s.seekRegisters(s.resend, logs)
	}
	if m != nil { // without a checkpoint the epoch in the progress row will do
		now := s.marker()
		now.Everything, now.Openings = now.Everything || m.Everything, now.Openings || m.Openings // should the cut get lost
		now.Registers = now.Registers || m.Registers
		b, err := now.encode()
		if err != nil {
			return err
		}
		if err := p.store.Save(ctx, s.number, b, nil); err != nil {
			return err
		}
	}
	return p.catchUpInSilence(ctx, s, c, logs)
}

// catchUpInSilence brings a restored shard to the cut: what it makes of the records on the way was
// committed before and is not sent. What was still to be sent at the cut waits for the next flush.
func (p *pipeline) catchUpInSilence(ctx context.Context, s *shard, c *cut, logs borders) error {
	if err := s.applyUpTo(ctx, p, c.Sent, p.saveOpened); err != nil {
		return err
	}
	s.derive(c.Sent.Watermark)
	clear(s.accounts)
	clear(s.registers)
	if s.resend == nil {
		s.state.Forget()
	}
	s.sent = s.instant()
	if err := s.applyUpTo(ctx, p, c.At, nil); err != nil {
		return err
	}
	s.derive(c.At.Watermark)
	s.outbox.reset(0)
	s.early, s.letters = outbox{}, nil
	s.rows = c.Rows // the flushes count on: the rows that wait carry their numbers
	for _, t := range c.Ticked {
		s.ticked[t] = struct{}{}
	}
	for _, out := range outputPartitions(s.number, s.of) {
		s.ends[out] = logs.ends[broker.TopicPartition{Topic: s.options.topic(out.Topic), Partition: out.Partition}]
	}
	if s.resend != nil { // until it is paid the rows behind the old ends must be found again
		for _, w := range s.resend.Ranges {
			s.ends[w.outputPartition] = w.From
		}
	}
	return nil
}

// applyUpTo applies the records in front of an instant. save saves what has become much on the way; nil
// where a checkpoint would pass rows that wait.
func (s *shard) applyUpTo(ctx context.Context, p *pipeline, to instant, save func(context.Context, *shard) error) error {
	f := p.options.logs.Fetcher(consumer.FetcherOptions{PartitionMaxBytes: p.options.fetchBytes})
	for {
		positions, err := s.missing(to)
		if err != nil || len(positions) == 0 {
			return err
		}
		batches, err := f.Fetch(ctx, positions)
		if err != nil {
			return err
		}
		for i := range batches {
			var unavailable *consumer.ErrUnavailable
			switch err := batches[i].Err; {
			case errors.As(err, &unavailable):
				p.warnUnreadable(ctx, err)
				continue
			case err != nil:
				return err
			}
			if err := s.apply(&batches[i]); err != nil {
				return err
			}
		}
		p.options.Watchdog.worked([]*shard{s})
		if s.collectKept(); save != nil && s.keptBytes >= checkpointBytes { // a whole log may lie in front of the cut
			if err := save(ctx, s); err != nil {
				return err
			}
		}
	}
}

// missing are the positions that are in front of an instant.
func (s *shard) missing(to instant) ([]consumer.Position, error) {
	var positions []consumer.Position
	for _, src := range s.sources {
		until := to.Next[src.Topic]
		switch {
		case src.Next < until && until > src.endAtStart:
			return nil, &consumer.ErrGap{Topic: src.Topic, Partition: src.Partition, Asked: until, LogStart: -1, End: src.endAtStart}
		case src.Next < until:
			at := src.Position
			at.Until = until
			positions = append(positions, at)
		}
	}
	return positions, nil
}

// transactions is an outlet each of whose sendings is seen whole or not at all.
type transactions struct {
	transactor *sink.Transactor
	step       func(point string) error
}

// openTransactions takes a transactional id: what a former owner of it left open is aborted, and it
// can send nothing more.
func (o *Options) openTransactions(ctx context.Context, id string) (outlet, error) {
	t, err := sink.NewTransactor(o.Cluster, sink.TransactorOptions{ID: id, Compression: sink.LZ4})
	if err != nil {
		return nil, err
	}
	if err := t.Open(ctx); err != nil {
		return nil, err
	}
	return transactions{t, o.step}, nil
}

// transactionTries bounds how often a sending that surely came to nothing is begun again; each try
// lasts up to half a minute by itself.
const transactionTries = 4

func (t transactions) Send(ctx context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	for try := 1; ; try++ {
		next, err := t.once(ctx, messages)
		if err == nil || try == transactionTries || ctx.Err() != nil || !worthAnotherTry(err) {
			return next, err
		}
		switch outcome, recoverErr := t.transactor.Recover(ctx); {
		case recoverErr != nil:
			return nil, errors.Join(err, recoverErr)
		case outcome == sink.Committed:
			return next, nil
		case outcome == sink.Unknown:
			return nil, err // the next owner finds the marker in the log, or does not
		}
	}
}

// Owned says whether nobody has taken the id since it was opened. It never takes it back.
func (t transactions) Owned(ctx context.Context) (bool, error) {
	_, err := t.transactor.Recover(ctx)
	if errors.Is(err, sink.ErrFenced) {
		return false, nil
	}
	return err == nil, err
}

// once is one transaction. The offsets are right also where only its end is not known.
func (t transactions) once(ctx context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	if err := t.transactor.Begin(ctx); err != nil {
		return nil, err
	}
	next, err := t.transactor.Send(ctx, messages)
	if err != nil {
		return nil, err
	}
	if err := t.step("sent"); err != nil {
		return nil, err
	}
	return next, t.transactor.Commit(ctx)
}

// worthAnotherTry tells trouble that passes from what would be refused again.
func worthAnotherTry(err error) bool {
	var transaction *sink.ErrTransaction
	var refused *sink.ErrRefused
	return errors.As(err, &transaction) && !errors.As(err, &refused) && !errors.Is(err, sink.ErrFenced)
}
