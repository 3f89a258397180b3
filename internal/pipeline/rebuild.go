package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/row"
)

// RebuildFrom is what the numbers are made from anew.
type RebuildFrom string

// The sources of a rebuild.
const (
	FromCheckpoint RebuildFrom = "checkpoint" // the records that the checkpoint keeps
	FromLog        RebuildFrom = "log"        // the source topics, from their start
)

// Rebuilt says what a rebuild did, or would do where it was a dry run.
type Rebuilt struct {
	From        RebuildFrom
	Dir         string
	Differences []Difference // between the checkpoint's meaning and the configuration's
	Shards      int          // that the checkpoint holds
	Accounts    int64
	Records     int64
	Damage      error // what of the checkpoint could not be read; only where it is forgotten
	Changed     bool  // the checkpoint is another one than before; in a dry run: it would be
	DryRun      bool
}

// Rebuild gives a checkpoint, of a service that is stopped, the meaning of the configuration. The
// next Run folds the kept records anew (or, FromLog, reads the sources from their start), sends every
// row again and takes back what is no more. Until everything is stored the checkpoint is the old one:
// whenever it is killed, it leaves the one or the other, and may be started once more.
func Rebuild(ctx context.Context, options Options, from RebuildFrom, dryRun bool) (done Rebuilt, err error) {
	o, err := options.withDefaults()
	if err != nil {
		return done, err
	}
	partitions, err := checkSources(ctx, &o)
	if err != nil {
		return done, err
	}
	done = Rebuilt{From: from, Dir: o.checkpointPlace(), DryRun: dryRun}
	dir, stored, err := o.openStored(ctx, partitions, done)
	switch {
	case errors.Is(err, checkpoint.ErrNothing) && from == FromLog:
		return done, o.checkLogs(ctx, partitions)
	case errors.Is(err, checkpoint.ErrNothing):
		return done, fmt.Errorf("%w: %w: are checkpoint.store, checkpoint.dir and output.prefix right, and is the volume mounted?", ErrRefused, err)
	case errors.Is(err, checkpoint.ErrLocked):
		return done, fmt.Errorf("stop the service before its checkpoint is rebuilt: %w", err)
	case err != nil:
		return done, operatorError(err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	r := rebuild{options: &o, dir: dir, meaning: meaning(&o.Core, partitions), partitions: partitions, done: &done}
	done.Differences = differences(stored, r.meaning)
	return done, r.run(ctx, stored)
}

// storedCheckpoint is a checkpoint under the meaning that it was written for. Stage prepares another
// one, Switch makes it count.
type storedCheckpoint interface {
	Shards() ([]int, error)
	Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error)
	Stage(ctx context.Context, meaning string, remark func(shard int, marker []byte) ([]byte, error)) error
	Switch(ctx context.Context, meaning string) error
	Close() error
}

// openStored opens the checkpoint that there is.
func (o *Options) openStored(ctx context.Context, partitions int, wanted Rebuilt) (stored storedCheckpoint, meaning string, err error) {
	if o.CheckpointStore == StoreKafka {
		return openStoredState(ctx, o, partitions, wanted)
	}
	dir, meaning, err := checkpoint.OpenStored(checkpoint.Options{Dir: o.CheckpointDir, Logger: o.Logger})
	return storedDir{dir}, meaning, err
}

// storedDir is the store dir.
type storedDir struct{ *checkpoint.Dir }

// Switch is not cut short by ctx: it is a few writes.
func (d storedDir) Switch(_ context.Context, meaning string) error { return d.Dir.Switch(meaning) }

// rebuild is one rebuild on its way.
type rebuild struct {
	options    *Options
	dir        storedCheckpoint
	meaning    string
	partitions int
	done       *Rebuilt
}

func (r *rebuild) run(ctx context.Context, stored string) error {
	for _, d := range r.done.Differences {
		if d.Key == configKeys[partitionsName] {
			return r.options.meaningError(r.done.Dir, r.done.Differences, checkpoint.ErrMeaning)
		}
	}
	if r.done.From == FromLog {
		if err := r.options.checkLogs(ctx, r.partitions); err != nil {
			return err
		}
	}
	if err := r.read(ctx); err != nil {
		return err
	}
	r.done.Changed = stored != r.meaning || r.done.From == FromLog && r.done.Shards > 0
	if r.done.DryRun || !r.done.Changed {
		return nil
	}
	return r.change(ctx)
}

// change is what is kept when the steps before it found nothing to object to.
func (r *rebuild) change(ctx context.Context) error {
	if err := r.options.step("read"); err != nil {
		return err
	}
	remark := unsent
	if r.done.From == FromLog {
		remark = nil
	}
	if err := r.dir.Stage(ctx, r.meaning, remark); err != nil {
		return err
	}
	if err := r.options.step("staged"); err != nil {
		return err
	}
	if err := r.dir.Switch(ctx, r.meaning); err != nil {
		return err
	}
	return r.options.step("switched")
}

// unsent is the marker of a shard of whose rows nothing was sent: every row goes out again, and what
// the output topics hold is read from their start, so that what is no more can be taken back.
func unsent(_ int, stored []byte) ([]byte, error) {
	m, err := decodeMarker(stored)
	if err != nil {
		return nil, err
	}
	m.Everything, m.Outputs = true, nil
	return m.encode()
}

// read reads the whole checkpoint: it counts, and it tries each record under the new meaning.
func (r *rebuild) read(ctx context.Context) error {
	shards, err := r.dir.Shards()
	if err != nil {
		return r.damaged(err)
	}
	r.done.Shards = len(shards)
	t := trial{core: &r.options.Core, skip: r.done.From == FromLog}
	for _, shard := range shards {
		t.account = ""
		if _, _, err := r.dir.Load(ctx, shard, t.record); err != nil {
			if err := r.damaged(err); err != nil {
				return err
			}
		}
	}
	r.done.Accounts, r.done.Records = t.accounts, t.records
	if err := r.irreducible(&t); err != nil {
		return err
	}
	if t.refused > 0 {
		return fmt.Errorf("%w: %d of the %d kept records cannot be counted under this configuration; nothing was changed. The first of them:%s\n"+
			"add what is missing (reporting.rates) and run the command again", ErrOperator, t.refused, t.records, t.examples.String())
	}
	return nil
}

// irreducible refuses another zone over records that stand for events which are gone: they are months
// and days of the old one. Under any other change of meaning what lies below the floor stays as it was
// counted, and the new rows begin with it as their opening balance (docs/decisions/0012-collapse.md).
func (r *rebuild) irreducible(t *trial) error {
	zone := slices.ContainsFunc(r.done.Differences, func(d Difference) bool { return d.Key == configKeys["Zone"] })
	switch {
	case r.done.From == FromLog || !zone || t.collapsed+t.settled == 0:
		return nil
	default:
		return fmt.Errorf("%w: %d months of usage and %d accounts below the floor are kept as sums by days and months of the old zone, "+
			"their events are gone; nothing was changed. Sources that still hold them can be counted anew:\n  %s",
			ErrOperator, t.settled, t.collapsed, r.options.rebuildCommand(FromLog))
	}
}

// damaged is an error, unless what is damaged goes away.
func (r *rebuild) damaged(err error) error {
	if r.done.From == FromLog && errors.Is(err, checkpoint.ErrCorrupt) {
		r.done.Damage = err
		return nil
	}
	return operatorError(err)
}

// trial files kept records under another configuration, so many accounts at a time.
type trial struct {
	core     *aggregate.Options
	skip     bool // they are only counted
	state    *aggregate.State
	account  string
	accounts int64
	records  int64
	refused  int64

	collapsed, settled int64 // records that stand for events which are gone

	examples strings.Builder
}

const (
	trialAccounts   = 1000 // are in memory at once
	refusedExamples = 10   // are named
)

// record takes the next record of the checkpoint; those of an account follow each other.
func (t *trial) record(key, value []byte) error {
	if aggregate.IsDerived(value) {
		return nil // it is derived anew
	}
	t.records++
	account, ok := aggregate.AccountOf(key)
	if !ok {
		return errors.New("its key does not begin with an account")
	}
	if account != t.account {
		t.account = account
		t.accounts++
		if t.accounts%trialAccounts == 0 {
			t.state = nil
		}
	}
	if aggregate.Collapsed(value) {
		t.collapsed++
	}
	if aggregate.Settled(value) {
		t.settled++
	}
	if t.skip {
		return nil
	}
	if t.state == nil {
		var err error
		if t.state, err = aggregate.New(*t.core); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	err := t.state.Restore(append([]byte(nil), value...))
	var refused *aggregate.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	if t.refused++; t.refused <= refusedExamples {
		fmt.Fprintf(&t.examples, "\n  %v", refused)
	}
	return nil
}

// checkLogs refuses logs that have lost their beginning: what is gone from them is in the checkpoint
// only.
func (o *Options) checkLogs(ctx context.Context, partitions int) error {
	var all []broker.TopicPartition
	for _, topic := range o.sourceTopics() {
		if o.feed != nil && o.feed.fresh && topic == o.topic(row.TopicEvents) {
			continue // nothing was copied yet
		}
		for p := range partitions {
			all = append(all, broker.TopicPartition{Topic: topic, Partition: int32(p)}) //nolint:gosec // a partition
		}
	}
	starts, err := o.logs.Starts(ctx, all)
	if err != nil {
		return fmt.Errorf("where the logs begin: %w", err)
	}
	var gone strings.Builder
	for _, tp := range all {
		if start := starts[tp]; start > 0 {
			fmt.Fprintf(&gone, "\n  %s: offsets [0,%d)", tp, start)
		}
	}
	if gone.Len() == 0 {
		return nil
	}
	return fmt.Errorf("%w: the sources no longer hold their beginning, and numbers from the rest would be wrong; nothing was changed. Gone are%s\n"+
		"the checkpoint still has the records that it took from there, this keeps them:\n  %s", ErrOperator, gone.String(), o.rebuildCommand(FromCheckpoint))
}
