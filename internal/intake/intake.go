// Package intake copies events from source topics with any key and any number of partitions into one
// topic that is keyed by account, each record exactly once for a reader of committed records. It must
// never decide what an event means, never copy a record without moving the position that says so in
// the same transaction, and never start anywhere but where the group's decided position says.
//
// Read in this order: intake, session, lane, transact, copy, foreign, origin, position.
package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
)

// Options are what intake depends on. Cluster, Group, Sources, Events, Partitions, DeadLetters,
// DeadLetterPartitions and Positions are required.
type Options struct {
	Cluster *broker.Cluster
	Group   string   // of the service; GroupOf makes intake's own of it
	Name    string   // that no other living process of the group has, see consumer.MemberOptions; may be empty
	Sources []string // the topics to copy

	// Formats makes the decoders of sources in another format than the native one, one for each partition,
	// by topic.
	Formats map[string]Format

	Events               string // the topic to copy to
	Partitions           int    // that it has
	DeadLetters          string
	DeadLetterPartitions int
	Positions            string // the compacted topic that keeps the positions once more

	Decoder  event.Options
	Lateness time.Duration // how far the watermark stays behind the latest event
	Interval time.Duration // between two transactions of a partition that has little to copy; 100 ms when 0

	Clock    func() time.Time   // time.Now when nil
	Observe  func(Count)        // is told what became of records, after it is decided; nil: nobody. Called by several goroutines
	Progress *consumer.Progress // is told where each partition is, in each round; nil: nobody
	Logger   *slog.Logger       // nil: silent

	// Step is called at named points of the loop; an error ends intake there, as a crash would. It is
	// for tests, as are the two below.
	Step       func(point string) error
	WatchEvery time.Duration // how often the sources' identities are compared; 10 s when 0
	FetchBytes int32         // bounds what one fetch brings of a partition; 2 MiB when 0
}

// Format is the format of a source.
type Format struct {
	Name string
	New  func() Decoder
}

// Decoder makes native events of records in another format. A record gives all of its events, or a
// rejection, or, when both are nil, nothing: it is ignored. An error says that what the record refers to
// cannot be asked for now: it waits, with what is behind it in its partition. The events refer to nothing
// of the record.
type Decoder interface {
	Decode(ctx context.Context, r *event.Record) ([]*event.Event, *event.Rejection, error)
}

// GroupOf is intake's consumer group in a deployment.
func GroupOf(group string) string { return group + "-intake" }

// Count is what became of records of one source partition since the last count of it. Each record
// that was read is in exactly one of Copied, Rejected, Ignored and Skipped (invariant I3).
type Count struct {
	consumer.TopicPartition
	Copied   int64
	Rejected map[event.Reason]int64
	Ignored  int64 // of an unknown type, where the configuration ignores those
	Skipped  int64 // control markers and records of aborted transactions
	Events   int64 // that the copied records are: one each, but in formats where a record holds several
	Marks    int64 // written beside the copies

	Next     int64      // the position, of which everything in front is decided
	End      int64      // up to where there is something to read
	Appended event.Time // of the last record; NoTime when it is not known
}

func (o Options) withDefaults() (Options, error) {
	var problems []error
	need := func(missing bool, what string) {
		if missing {
			problems = append(problems, fmt.Errorf("intake: Options.%s is missing", what))
		}
	}
	need(o.Cluster == nil, "Cluster")
	need(o.Group == "", "Group")
	need(len(o.Sources) == 0, "Sources")
	need(o.Events == "", "Events")
	need(o.Partitions <= 0, "Partitions")
	need(o.DeadLetters == "", "DeadLetters")
	need(o.DeadLetterPartitions <= 0, "DeadLetterPartitions")
	need(o.Positions == "", "Positions")
	if o.Interval <= 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.WatchEvery <= 0 {
		o.WatchEvery = 10 * time.Second
	}
	if o.FetchBytes <= 0 {
		o.FetchBytes = 2 << 20
	}
	if o.Decoder.MaxBytes <= 0 {
		o.Decoder.MaxBytes = 1 << 20
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Count) {}
	}
	if o.Progress == nil {
		o.Progress = consumer.NewProgress(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Step == nil {
		o.Step = func(string) error { return nil }
	}
	return o, errors.Join(problems...)
}

// How long a graceful stop may take: Kubernetes kills after 30 s, and the ledger stops beside this.
const (
	stopWithin  = 15 * time.Second
	leaveWithin = 3 * time.Second
)

// Run copies until ctx ends, which is a graceful stop: the transaction under way is finished, and the
// group is left. Errors that need a person are *consumer.ErrGap, *consumer.ErrDiverged,
// *consumer.ErrTopicChanged, *consumer.ErrCorrupt, *consumer.ErrTooLarge, *LostStartError and
// *sink.ErrRefused, wrapped with coordinates; nothing behind the decided positions was copied then.
func Run(ctx context.Context, options Options) error {
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	member, err := consumer.NewMember(ctx, o.Cluster, consumer.MemberOptions{Group: GroupOf(o.Group), Topics: o.Sources, Name: o.Name, Logger: o.Logger})
	if err != nil {
		return err
	}
	defer func() {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
		defer cancel()
		if closeErr := member.Close(leave); closeErr != nil {
			o.Logger.WarnContext(ctx, "the group will notice by itself that this member left", "error", closeErr)
		}
	}()
	lasting, end := broker.Outlast(ctx, stopWithin-leaveWithin)
	defer end()
	for {
		generation, err := member.Next(ctx)
		if ctx.Err() != nil { // a stop, whatever it interrupted
			return nil
		}
		if err != nil {
			return err
		}
		o.Logger.InfoContext(ctx, "source partitions to copy assigned", "generation", generation.ID, "partitions", fmt.Sprint(generation.Partitions))
		if err := serve(ctx, lasting, &o, generation); err != nil {
			return err
		}
	}
}
