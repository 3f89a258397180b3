package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"

	"processor/internal/broker"
)

// MemberOptions says which group to join. Group and Topics are required.
type MemberOptions struct {
	Group  string
	Topics []string

	// Name is one that no other living process has in this group, and that a process has again when it is
	// started anew. It promises that members of its name are dead: they are taken out of the group before
	// this one joins, instead of being waited for. With two living processes under one name the later
	// start throws the earlier out of its generation, once; it then joins again. Empty: no promise.
	Name string

	Address string // of this process's HTTP server, as the others' readers reach it; empty: none

	SessionTimeout   time.Duration // without a heartbeat for so long the member is out; default 10 s
	Heartbeat        time.Duration // default 1 s
	RebalanceTimeout time.Duration // default 30 s
	JoinBackoff      time.Duration // pause after a failed join; default 300 ms
	WatchInterval    time.Duration // how often new partitions are looked for; default 5 s

	Logger *slog.Logger // nil: silent
}

func (o MemberOptions) withDefaults() MemberOptions {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.SessionTimeout, 10*time.Second)
	set(&o.Heartbeat, time.Second)
	set(&o.RebalanceTimeout, 30*time.Second)
	set(&o.JoinBackoff, 300*time.Millisecond)
	set(&o.WatchInterval, 5*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Member is this process's membership in a consumer group. It says which partitions are ours; it
// says nothing about where to read them. One goroutine calls Next, over and over: the group
// rebalances only when it does. Heartbeats go on by themselves, also while the program hangs.
type Member struct {
	cluster *broker.Cluster
	group   *kafka.ConsumerGroup
	leading *leadership
	options MemberOptions
	former  []string // ids of dead members, until the first generation without them
}

// NewMember starts joining the group in the background. With a Name it first takes out the members of
// that name; trouble with it is logged and costs no more than some seconds and the wait for their sessions.
func NewMember(ctx context.Context, c *broker.Cluster, o MemberOptions) (*Member, error) {
	o = o.withDefaults()
	if o.Heartbeat*2 >= o.SessionTimeout {
		return nil, fmt.Errorf("consumer: group %s: heartbeat %s must be less than half of the session timeout %s",
			o.Group, o.Heartbeat, o.SessionTimeout)
	}
	leading, dialer := &leadership{held: claim{Address: o.Address}}, c.Dialer()
	if o.Name != "" {
		dialer.ClientID = clientIDOf(dialer.ClientID, o.Name)
	}
	config := kafka.ConsumerGroupConfig{
		ID:                o.Group,
		Brokers:           c.Brokers(),
		Dialer:            dialer,
		Topics:            o.Topics,
		GroupBalancers:    []kafka.GroupBalancer{leading},
		HeartbeatInterval: o.Heartbeat,
		SessionTimeout:    o.SessionTimeout,
		RebalanceTimeout:  o.RebalanceTimeout,
		JoinGroupBackoff:  o.JoinBackoff,
		StartOffset:       kafka.FirstOffset,
	}
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("consumer: join group %q: %w", o.Group, err)
	}
	var former []string
	if o.Name != "" {
		var err error
		former, err = formerMembersLeave(ctx, c, o.Group, dialer.ClientID)
		if err != nil && ctx.Err() == nil {
			o.Logger.WarnContext(ctx, "the group may wait for a former process of this name", "group", o.Group, "name", o.Name, "error", err)
		}
		if len(former) > 0 {
			o.Logger.InfoContext(ctx, "a former process of this name was taken out of the group", "group", o.Group, "name", o.Name, "members", len(former))
		}
	}
	g, err := kafka.NewConsumerGroup(config)
	if err != nil {
		return nil, fmt.Errorf("consumer: join group %q: %w", o.Group, err)
	}
	return &Member{cluster: c, group: g, leading: leading, options: o, former: former}, nil
}

// ErrClosed is what Next returns after Close.
var ErrClosed = errors.New("consumer: the membership is closed")

// Next waits for the next generation of the group. The one before has ended by then, and its
// partitions must be let go of. Trouble with joining is retried inside, until ctx ends; an error
// that retrying cannot mend (no permission for the group) is returned.
func (m *Member) Next(ctx context.Context) (*Generation, error) {
	if former := m.former; len(former) > 0 {
		waiting, cancel := context.WithCancel(ctx)
		var keeping sync.WaitGroup
		keeping.Go(func() { keepOut(waiting, m.cluster, m.options.Group, former) })
		defer keeping.Wait()
		defer cancel()
	}
	for {
		g, err := m.group.Next(ctx)
		switch {
		case err == nil:
			m.former = nil
			return m.generation(g), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, kafka.ErrGroupClosed):
			return nil, ErrClosed
		case joinRetriable(err):
		default:
			return nil, fmt.Errorf("consumer: join group %s: %w", m.options.Group, m.foreign(ctx, err))
		}
	}
}

// ErrForeignMembers means that the group belongs to members which share partitions out in another way:
// another application.
type ErrForeignMembers struct {
	Members []string // client id and host of each; empty when the coordinator would not say
}

func (e *ErrForeignMembers) Error() string {
	if len(e.Members) == 0 {
		return "its members share partitions out in another way than this program"
	}
	return "its members share partitions out in another way than this program: " + strings.Join(e.Members, ", ")
}

// foreign names the members because of which a join was refused.
func (m *Member) foreign(ctx context.Context, err error) error {
	if !errors.Is(err, kafka.InconsistentGroupProtocol) {
		return err
	}
	use, describeErr := DescribeGroup(ctx, m.cluster, m.options.Group)
	return errors.Join(&ErrForeignMembers{Members: use.Members}, describeErr)
}

// joinRetriable tells a passing trouble of a join from a refusal.
func joinRetriable(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return true
	}
	switch code {
	case kafka.RebalanceInProgress, kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.MemberIDRequired:
		return true
	default:
		return broker.Transient(err)
	}
}

func (m *Member) generation(g *kafka.Generation) *Generation {
	gen := &Generation{
		ID: g.ID, MemberID: g.MemberID, Partitions: map[string][]int32{},
		member: m, done: make(chan struct{}),
	}
	for topic, assigned := range g.Assignments {
		for _, a := range assigned {
			gen.Partitions[topic] = append(gen.Partitions[topic], int32(a.ID))
		}
		slices.Sort(gen.Partitions[topic])
	}
	m.leading.hold(gen.ID, gen.numbers())
	g.Start(func(ctx context.Context) {
		<-ctx.Done()
		close(gen.done)
	})
	if shared := m.leading.take(); shared != nil {
		g.Start(func(ctx context.Context) {
			watchPartitions(ctx, m.cluster, m.options.WatchInterval, m.options.Topics, shared)
		})
	}
	return gen
}

// Close leaves the group, ends the current generation and waits for both, at most for the time
// that the group's own requests may take or until ctx ends.
func (m *Member) Close(ctx context.Context) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = m.group.Close() // always nil
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("consumer: leave group %s: %w", m.options.Group, ctx.Err())
	}
}

// Generation is one assignment of partitions, from a rebalance to the next.
type Generation struct {
	ID         int32
	MemberID   string
	Partitions map[string][]int32 // per topic, ascending; co-partitioned: same numbers everywhere

	member *Member
	done   chan struct{}
	commit sync.Mutex // one commit at a time, so that an older one cannot land last
}

// numbers are the partition numbers of the generation, over all topics.
func (g *Generation) numbers() []int32 {
	var all []int32
	for _, numbers := range g.Partitions {
		all = append(all, numbers...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Assignment is the generation's number and its partitions.
func (g *Generation) Assignment() (id int32, partitions map[string][]int32) {
	return g.ID, g.Partitions
}

// Done is closed when the generation ends: a rebalance, a lost session, or Close.
func (g *Generation) Done() <-chan struct{} { return g.done }

// ErrGenerationEnded is what Commit returns when the partitions may already be someone else's.
var ErrGenerationEnded = errors.New("consumer: the generation has ended")

// Commit stores next offsets for the group, for lag tools only. It works while the generation
// holds, for partitions it owns; the coordinator checks the generation again, so a commit that is
// late changes nothing.
func (g *Generation) Commit(ctx context.Context, offsets map[TopicPartition]int64) error {
	g.commit.Lock()
	defer g.commit.Unlock()
	req := &offsetcommit.Request{
		GroupID: g.member.options.Group, GenerationID: g.ID, MemberID: g.MemberID, RetentionTimeMs: -1,
	}
	byTopic := map[string][]offsetcommit.RequestPartition{}
	for tp, next := range offsets {
		if !slices.Contains(g.Partitions[tp.Topic], tp.Partition) {
			return fmt.Errorf("consumer: commit of %s in generation %d, which does not own it", tp, g.ID)
		}
		byTopic[tp.Topic] = append(byTopic[tp.Topic], offsetcommit.RequestPartition{
			PartitionIndex: tp.Partition, CommittedOffset: next, CommittedLeaderEpoch: -1, CommitTimestamp: -1,
		})
	}
	if len(byTopic) == 0 {
		return nil
	}
	for topic, partitions := range byTopic {
		req.Topics = append(req.Topics, offsetcommit.RequestTopic{Name: topic, Partitions: partitions})
	}
	err := withCoordinator(ctx, g.member.cluster, g.member.options.Group, func(ctx context.Context, node int32) error {
		select {
		case <-g.done:
			return ErrGenerationEnded
		default:
		}
		m, err := g.member.cluster.Ask(ctx, node, req)
		if err != nil {
			return err
		}
		return commitError(m.(*offsetcommit.Response))
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kafka.IllegalGeneration), errors.Is(err, kafka.UnknownMemberId), errors.Is(err, kafka.RebalanceInProgress):
		return fmt.Errorf("%w: commit to group %s in generation %d: %w", ErrGenerationEnded, g.member.options.Group, g.ID, err)
	default:
		return fmt.Errorf("consumer: commit to group %s in generation %d: %w", g.member.options.Group, g.ID, err)
	}
}

func commitError(r *offsetcommit.Response) error {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("%s/%d: %w", t.Name, p.PartitionIndex, kafka.Error(p.ErrorCode))
			}
		}
	}
	return nil
}
