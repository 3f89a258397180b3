package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/sink"
)

// ErrOtherMeaning says that a checkpoint was written under a configuration with other numbers.
var ErrOtherMeaning = errors.New("the checkpoint was written under another configuration")

// ExplainKept explains an account from the checkpoint of a service that does not run, as of its last
// save. It changes nothing in the directory.
func ExplainKept(
	ctx context.Context, dir string, core aggregate.Options, account string, within *aggregate.Interval, log *slog.Logger,
) (e *aggregate.Explanation, err error) {
	store, err := checkpoint.OpenToRead(dir, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	shards, err := shardsOf(store.Meaning, &core)
	if err != nil {
		return nil, fmt.Errorf("checkpoint directory %q: %w", dir, err)
	}
	return explainFrom(ctx, store, core, shards, account, within)
}

// keptShards is a checkpoint that is only read.
type keptShards interface {
	Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error)
}

func explainFrom(
	ctx context.Context, store keptShards, core aggregate.Options, shards int, account string, within *aggregate.Interval,
) (*aggregate.Explanation, error) {
	state, err := restoreAccount(ctx, store, core, sink.Partition([]byte(account), shards), account)
	if err != nil {
		return nil, err
	}
	if e, found := state.Explain(account, within); found {
		return e, nil
	}
	nearest, err := keptNearest(ctx, store, shards, account)
	if err != nil {
		return nil, err
	}
	return nil, &UnknownAccountError{Account: account, Nearest: nearest}
}

// shardsOf is how many shards a stored meaning speaks of; the rest of it must be that of the options.
func shardsOf(stored string, core *aggregate.Options) (shards int, err error) {
	if _, err := fmt.Sscanf(stored, "Partitions %d;", &shards); err != nil || shards < 1 {
		return 0, fmt.Errorf("%w: it is described as %q", ErrOtherMeaning, stored)
	}
	if wanted := meaning(core, shards); stored != wanted {
		return 0, fmt.Errorf("%w:\nit was written for  %s\nand this one means  %s", ErrOtherMeaning, stored, wanted)
	}
	return shards, nil
}

// restoreAccount restores one account of a shard; the state is empty when the shard does not know it.
func restoreAccount(ctx context.Context, store keptShards, core aggregate.Options, shard int, account string) (*aggregate.State, error) {
	state, err := aggregate.New(core)
	if err != nil {
		return nil, err
	}
	stored, found, err := store.Load(ctx, shard, func(key, value []byte) error {
		if owner, ok := aggregate.AccountOf(key); !ok || owner != account {
			return nil
		}
		return state.Restore(bytes.Clone(value))
	})
	if err != nil || !found {
		return state, err
	}
	m, err := decodeMarker(stored)
	if err != nil {
		return nil, err
	}
	m.settle(state, func(*aggregate.Updates) {})
	return state, state.Check()
}

// keptNearest are the accounts of all shards that were probably meant.
func keptNearest(ctx context.Context, store keptShards, shards int, account string) ([]string, error) {
	ids := map[string]struct{}{}
	for shard := range shards {
		_, _, err := store.Load(ctx, shard, func(key, value []byte) error {
			if owner, ok := aggregate.AccountOf(key); ok && !aggregate.IsDerived(value) {
				ids[owner] = struct{}{}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return nearestOf(account, slices.Collect(maps.Keys(ids))), nil
}

func nearestOf(account string, ids []string) []string {
	return aggregate.NearestAccounts(account, slices.Values(ids), nearestNames)
}
