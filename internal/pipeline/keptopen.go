package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/checkpoint"
	"processor/internal/consumer"
)

// Kept is a checkpoint that is looked at, of either store. Nothing is changed by it. A directory is locked
// meanwhile, so its service must be stopped; the store kafka may be looked at while the service runs.
type Kept struct {
	Place   string // the directory or the topic
	Meaning string // that it was written for; "" where nothing was saved yet
	Group   string // that it belongs to, with the store kafka

	options *Options
	numbers []int
	saved   map[int]time.Time
	store   keptShards
	close   func() error
}

// OpenKept opens the checkpoint of a configuration. With the store dir no broker is asked.
func OpenKept(ctx context.Context, options Options) (*Kept, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	k := &Kept{Place: o.checkpointPlace(), options: &o, saved: map[int]time.Time{}}
	if o.CheckpointStore == StoreKafka {
		err = k.openTopic(ctx)
	} else {
		err = k.openDir()
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

func (k *Kept) openDir() error {
	r, err := checkpoint.OpenToRead(k.options.CheckpointDir, k.options.Logger)
	if err != nil {
		return err
	}
	k.Meaning, k.store, k.close = r.Meaning, r, r.Close
	k.numbers, err = r.Shards()
	at, savedErr := r.Saved()
	if err := errors.Join(err, savedErr); err != nil {
		return errors.Join(err, r.Close())
	}
	for _, shard := range k.numbers {
		k.saved[shard] = at
	}
	return nil
}

func (k *Kept) openTopic(ctx context.Context) error {
	topic := k.Place
	found, err := consumer.Topics(ctx, k.options.Cluster, topic)
	if err != nil {
		return fmt.Errorf("look up %s: %w", topic, err)
	}
	if !found[topic].Exists {
		return fmt.Errorf("topic %s: %w", topic, checkpoint.ErrNothing)
	}
	for shard := range found[topic].Partitions {
		k.numbers = append(k.numbers, shard)
	}
	k.store, k.close = keptTopic{k}, func() error { return nil }
	return nil
}

// Close gives the checkpoint back.
func (k *Kept) Close() error { return k.close() }

// Shards are those that may have been saved.
func (k *Kept) Shards() []int { return k.numbers }

// load reads a shard and checks everything that was stored with it.
func (k *Kept) load(ctx context.Context, shard int, fn func(key, value []byte) error) (m *marker, err error) {
	stored, found, err := k.store.Load(ctx, shard, fn)
	if err != nil || !found {
		return nil, err
	}
	return decodeMarker(stored)
}

// fits refuses a checkpoint of another meaning than the configuration's.
func (k *Kept) fits() error {
	if k.Meaning == "" {
		return nil
	}
	_, err := shardsOf(k.Meaning, &k.options.Core)
	return err
}

// keptTopic is the state topic, whatever it was written for.
type keptTopic struct{ kept *Kept }

// Load reads a shard without taking it.
func (t keptTopic) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	k := t.kept
	fold, err := readDecided(ctx, k.options, shard)
	if err != nil || fold.mark == nil {
		return nil, false, err
	}
	k.Meaning, k.Group, k.saved[shard] = fold.mark.meaning, fold.mark.group, fold.saved
	fold.sort()
	return fold.mark.caller, true, fold.each(fn)
}
