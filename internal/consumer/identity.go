package consumer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"processor/internal/broker"
)

// TopicIdentity is a topic's name, id and number of partitions: what positions in it belong to.
type TopicIdentity = broker.TopicIdentity

// ErrTopicChanged means that positions and keys of a topic no longer mean what they did: it was
// deleted, deleted and created again, or got partitions, to which keys have moved.
type ErrTopicChanged struct {
	Was TopicIdentity
	Now TopicIdentity // without partitions when the topic is gone
}

// Recreated says that all offsets of the topic start over: none may be read on from.
func (e *ErrTopicChanged) Recreated() bool { return e.Now.Partitions > 0 && e.Now.ID != e.Was.ID }

func (e *ErrTopicChanged) Error() string {
	switch {
	case e.Now.Partitions == 0:
		return fmt.Sprintf("consumer: topic %s (id %s) does not exist any more", e.Was.Name, e.Was.ID)
	case e.Recreated():
		return fmt.Sprintf("consumer: topic %s was recreated: its id is %s, ours was %s; our positions mean nothing in it",
			e.Was.Name, e.Now.ID, e.Was.ID)
	default:
		return fmt.Sprintf("consumer: topic %s has %d partitions now, it had %d: keys have moved to the new ones",
			e.Was.Name, e.Now.Partitions, e.Was.Partitions)
	}
}

// TopicIDs asks a broker for the present identity of topics; those that do not exist have no
// partitions. broker.ErrNoTopicIDs means that the brokers are too old to tell.
func TopicIDs(ctx context.Context, c *broker.Cluster, names ...string) (map[string]TopicIdentity, error) {
	return c.TopicIdentities(ctx, names...)
}

// CompareTopics asks for the identity of topics and compares it with what they were when their
// positions were stored. The error joins an *ErrTopicChanged for each that changed, or says why the
// broker could not be asked.
func CompareTopics(ctx context.Context, c *broker.Cluster, stored ...TopicIdentity) error {
	names := make([]string, 0, len(stored))
	for _, was := range stored {
		names = append(names, was.Name)
	}
	slices.Sort(names)
	present, err := TopicIDs(ctx, c, slices.Compact(names)...)
	if err != nil {
		return err
	}
	var changes []error
	for _, was := range stored {
		if now := present[was.Name]; now != was {
			changes = append(changes, &ErrTopicChanged{Was: was, Now: now})
		}
	}
	return errors.Join(changes...)
}

// WatchTopics compares at once and then again and again (default: every 10 s) until a topic has
// changed, which it returns as CompareTopics does, or ctx ends. A topic that seems to be gone is
// asked for twice, since a broker that has just started does not know all topics yet. While no
// broker answers, it keeps asking: that nothing can be read is for the Fetcher to say.
func WatchTopics(ctx context.Context, c *broker.Cluster, every time.Duration, stored ...TopicIdentity) error {
	if every <= 0 {
		every = 10 * time.Second
	}
	for gone := 0; ; {
		err := CompareTopics(ctx, c, stored...)
		var changed *ErrTopicChanged
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &changed) && changed.Now.Partitions == 0 && gone == 0:
			gone++
		case errors.As(err, &changed), errors.Is(err, broker.ErrNoTopicIDs):
			return err
		case err == nil:
			gone = 0
		case !broker.Transient(err):
			return err
		}
		if broker.Sleep(ctx, every) != nil {
			return ctx.Err()
		}
	}
}
