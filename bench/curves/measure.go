package curves

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"sync"
	"syscall"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
)

// setting is one company and how it is counted.
type setting struct {
	accounts, events int
	batch            int // events between two flushes, of all shards; 25,000 when 0
	windows          []aggregate.Window
	groupings        [][]string
	cells            int // values of a dimension of its own, over which the accounts are spread; 0: there is none
	shards           int
}

const (
	usualBatch = 25_000
	cellName   = "cell"
)

// result is what was measured.
type result struct {
	cpu       time.Duration // of the process, an event, the garbage collector's included
	perSecond float64       // events on all processors
	bytes     float64       // of memory an account, all accounts parked
	stored    float64       // of its records, as a checkpoint has them
}

// measure has the core count the company, in batches that are decoded before the clock goes on.
func (s setting) measure(ctx context.Context) (r result, err error) {
	before := heap()
	states := make([]*aggregate.State, s.shards)
	for i := range states {
		if states[i], err = s.newState(); err != nil {
			return r, err
		}
	}
	source, err := s.company()
	if err != nil {
		return r, err
	}
	var wall, cpu time.Duration
	for ctx.Err() == nil {
		batch, last, err := source.next()
		if err != nil {
			return r, err
		}
		begun, used := time.Now(), cpuTime()
		if err := each(states, batch); err != nil {
			return r, err
		}
		wall, cpu = wall+time.Since(begun), cpu+cpuTime()-used
		if last {
			break
		}
	}
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	var stored int64
	for _, state := range states {
		state.LimitRoom(1)
		state.FlushEach(func(*aggregate.Updates) {}) // which parks
		state.TakeKept()
		stored += state.Bytes()
	}
	r.cpu = cpu / time.Duration(s.events)
	r.perSecond = float64(s.events) / wall.Seconds()
	r.bytes = float64(heap()-before) / float64(s.accounts)
	r.stored = float64(stored) / float64(s.accounts)
	runtime.KeepAlive(states)
	return r, nil
}

// roomBytes is what a service gives its open accounts by default, all shards together.
const roomBytes = 512 << 20

func (s setting) newState() (*aggregate.State, error) {
	state, err := aggregate.New(aggregate.Options{
		Currency: "USD", Zone: time.UTC, Coalesce: time.Hour, UsageGrace: 12 * time.Hour, ReportingStart: event.NoTime,
		Groupings: s.groupings, Windows: s.windows,
	})
	if err != nil {
		return nil, err
	}
	state.LimitRoom(roomBytes / int64(s.shards))
	return state, nil
}

// each has every shard apply its events and flush, all of them at the same time.
func each(states []*aggregate.State, batch [][]*event.Event) error {
	problems := make([]error, len(states))
	var running sync.WaitGroup
	for i, state := range states {
		running.Go(func() {
			for _, e := range batch[i] {
				if _, rejection := state.Apply(e); rejection != nil {
					problems[i] = fmt.Errorf("%s: %+v", e.ID, rejection)
					return
				}
			}
			if n := len(batch[i]); n > 0 {
				state.AdvanceTo(batch[i][n-1].Time)
			}
			state.FlushEach(func(*aggregate.Updates) {})
			state.TakeKept()
		})
	}
	running.Wait()
	return errors.Join(problems...)
}

// feed are a company's events, decoded and shared out.
type feed struct {
	setting
	company *company.Company
	decoder *event.Decoder
}

func (s setting) company() (*feed, error) {
	o := company.Defaults()
	o.Accounts, o.Events = s.accounts, s.events
	c, err := company.New(o)
	if err != nil {
		return nil, err
	}
	return &feed{s, c, event.NewDecoder(event.Options{})}, nil
}

// next are the events of the next batch by their shards; last says that there are no more.
func (f *feed) next() (batch [][]*event.Event, last bool, err error) {
	batch = make([][]*event.Event, f.shards)
	size := f.batch
	if size == 0 {
		size = usualBatch
	}
	for range size {
		record, ok := f.company.Next()
		if !ok {
			return batch, true, nil
		}
		e, rejection := f.decoder.Decode(record.Value, nil)
		if rejection != nil {
			return nil, false, fmt.Errorf("decode: %+v", rejection)
		}
		if f.cells > 0 && e.Account != nil {
			e = f.inCell(e)
		}
		i := number(e.Subject, f.shards)
		batch[i] = append(batch[i], e)
	}
	return batch, false, nil
}

// inCell is an event of an account with the cell that its account is in.
func (f *feed) inCell(e *event.Event) *event.Event {
	made, account := *e, *e.Account
	account.Attributes = []event.Attribute{{Name: cellName, Value: fmt.Sprintf("cell-%04d", number(e.Subject, f.cells))}}
	made.Account = &account
	return &made
}

// number spreads accounts evenly.
func number(account string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(account))   // it cannot fail
	return int(h.Sum32() % uint32(n)) //nolint:gosec // n is small
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // a size
}

// cpuTime is what the process has used.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic("bench: " + err.Error()) // with these arguments it cannot fail
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
