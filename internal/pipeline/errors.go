package pipeline

import (
	"errors"
	"fmt"

	"processor/internal/checkpoint"
	"processor/internal/consumer"
)

// ErrRefused means that the configuration and the cluster do not fit together: starting again
// cannot help before one of them is changed. The text says how.
var ErrRefused = errors.New("the service cannot start like this")

// ErrOperator means that going on would lose or misplace records, which only a person may decide.
var ErrOperator = errors.New("an operator must decide")

// ErrIdentity means that amounts did not add up (invariant I2). Nothing was saved since.
var ErrIdentity = errors.New("an identity does not hold")

// ErrFenced means that a newer owner has taken a shard of this instance, and the group does not know
// of it: another service writes the same checkpoint.
var ErrFenced = errors.New("a newer owner has taken over")

// operatorError gives the errors of the log and of the checkpoint that need a person their kind and
// their remedy; others stay as they are.
func operatorError(err error) error {
	var gap *consumer.ErrGap
	var corrupt *consumer.ErrCorrupt
	var large *consumer.ErrTooLarge
	var foreign *consumer.ErrForeignMembers
	switch {
	case errors.Is(err, ErrOperator): // it has both
		return err
	case errors.As(err, &gap):
		return gapError(err, gap)
	case errors.As(err, &corrupt):
		return fmt.Errorf("%w: %w; nothing after it was read: restore the partition from a replica, or copy the topic without that batch and name the copy as source",
			ErrOperator, err)
	case errors.As(err, &large):
		return fmt.Errorf("%w: %w; nothing after it was read: copy the topic without that batch and name the copy as source", ErrOperator, err)
	case errors.As(err, &foreign):
		return fmt.Errorf("%w: %w; another application has this group: stop it, or give this service a name of its own as `group`", ErrRefused, err)
	case errors.Is(err, checkpoint.ErrCorrupt), errors.Is(err, checkpoint.ErrForeign):
		return fmt.Errorf("%w: %w", ErrOperator, err)
	default:
		return err
	}
}

// gapRemedy is what can be done about records that are gone.
const gapRemedy = "put back the checkpoint directory that belongs to this log, or copy the whole history into a topic " +
	"that still has its offset 0, name that as source and start with an empty checkpoint directory"
