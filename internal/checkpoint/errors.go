package checkpoint

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var (
	// ErrLocked says that another process, or another Dir of this one, has the directory open.
	ErrLocked = errors.New("checkpoint directory is in use")
	// ErrForeign says that the directory is not a checkpoint of a format that this program reads.
	ErrForeign = errors.New("not a checkpoint directory of a known format")
	// ErrMeaning says that the checkpoint was written under a configuration with another meaning.
	ErrMeaning = errors.New("checkpoint has another meaning")
	// ErrCorrupt says that what is stored is not what was saved.
	ErrCorrupt = errors.New("checkpoint is damaged")
	// ErrReopen says that a write failed earlier: close the store and open it again. Whether the
	// save that failed is stored is known only after that, by the marker that Load returns.
	ErrReopen = errors.New("checkpoint store must be closed and opened again")
	// ErrClosed says that the store was used after Close.
	ErrClosed = errors.New("checkpoint store is closed")
)

// remedy is what an operator can do about a checkpoint that cannot be used. Nothing is lost by it:
// the checkpoint is a fold of the log.
const remedy = "start with an empty checkpoint directory, the log is then read again"

// MeaningError is the ErrMeaning that carries both descriptions.
type MeaningError struct {
	Dir    string
	Stored string
	Wanted string
}

// Error names both meanings and the way out.
func (e *MeaningError) Error() string {
	return fmt.Sprintf("%v: checkpoint directory %q was written for %q, the configuration now means %q: "+
		"restore the configuration, or rebuild the checkpoint (processor rebuild)", ErrMeaning, e.Dir, e.Stored, e.Wanted)
}

// Is makes errors.Is(err, ErrMeaning) hold.
func (e *MeaningError) Is(target error) bool { return target == ErrMeaning }

// wrapShard adds the coordinates to an error; Pebble's corruption becomes ours.
func (d *Dir) wrapShard(action string, shard int, err error) error {
	return fmt.Errorf("%s checkpoint of shard %d in %q: %w", action, shard, d.dir, translate(err))
}

// wrapDir is wrapShard for what concerns the whole directory.
func wrapDir(action, dir string, err error) error {
	return fmt.Errorf("%s checkpoint directory %q: %w", action, dir, translate(err))
}

func translate(err error) error {
	if pebble.IsCorruptionError(err) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w: %s", ErrCorrupt, err, remedy)
	}
	return err
}

// damaged is an ErrCorrupt with its finding and the remedy.
func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrCorrupt, fmt.Sprintf(format, args...), remedy)
}
