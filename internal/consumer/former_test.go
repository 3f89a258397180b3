package consumer_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// line is all that a process has to its brokers: once it is cut, as by the kill of the process, nothing
// goes through any more, a farewell neither.
type line struct {
	at  protocol.ApiKey // cut instead of the first request of this kind; -1: none
	cut chan struct{}   // closed when it is

	mu    sync.Mutex
	conns []net.Conn
}

func newLine(at protocol.ApiKey) *line { return &line{at: at, cut: make(chan struct{})} }

func (l *line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !closed(l.cut) {
		close(l.cut)
	}
	for _, c := range l.conns {
		_ = c.Close()
	}
}

func (l *line) options(o *broker.Options) {
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if closed(l.cut) {
			return nil, errors.Join(net.ErrClosed, conn.Close())
		}
		l.conns = append(l.conns, conn)
		return &lineConn{conn, l}, nil
	}
}

type lineConn struct {
	net.Conn
	l *line
}

func (c *lineConn) Write(b []byte) (int, error) {
	if len(b) >= 6 && protocol.ApiKey(binary.BigEndian.Uint16(b[4:])) == c.l.at { //nolint:gosec // a key
		c.l.Cut()
	}
	return c.Conn.Write(b)
}

// named joins a group as a process with a name, under a session and a rebalance timeout that are longer
// than any of these tests waits.
func named(t *testing.T, c *broker.Cluster, name, group, topic string, log ...*slog.Logger) <-chan *consumer.Generation {
	t.Helper()
	o := consumer.MemberOptions{
		Group: group, Topics: []string{topic}, Name: name, Heartbeat: 50 * time.Millisecond, SessionTimeout: 4 * time.Minute, RebalanceTimeout: 4 * time.Minute,
	}
	for _, l := range log {
		o.Logger = l
	}
	m, err := consumer.NewMember(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(kafkatest.Context(t)) }) // a dead one cannot leave
	return generations(t, m)
}

// A process that was killed is a member of the group until its session ends. The one that is started
// under its name does not wait for that.
func TestARestartTakesItsPlaceAtOnce(t *testing.T) {
	t.Run("killed as a member", func(t *testing.T) {
		k := kafkatest.Start(t, 1)
		topic, group, l := k.Create(t, "a", 3), k.Topic("group"), newLine(-1)
		await(t, named(t, own(t, k, l.options), "one", group, topic), topic, 3)
		l.Cut()
		await(t, named(t, own(t, k), "one", group, topic), topic, 3)
	})
	t.Run("killed while joining", func(t *testing.T) {
		k := kafkatest.Start(t, 1)
		topic, group, l := k.Create(t, "a", 3), k.Topic("group"), newLine(protocol.SyncGroup)
		named(t, own(t, k, l.options), "one", group, topic)
		wait(t, "the first member never came to its sync", l.cut)
		await(t, named(t, own(t, k), "one", group, topic), topic, 3)
	})
	t.Run("killed twice", func(t *testing.T) {
		k := kafkatest.Start(t, 1)
		topic, group := k.Create(t, "a", 3), k.Topic("group")
		for range 2 {
			l := newLine(protocol.SyncGroup)
			named(t, own(t, k, l.options), "one", group, topic)
			wait(t, "a member never came to its sync", l.cut)
		}
		await(t, named(t, own(t, k), "one", group, topic), topic, 3)
	})
}

// A coordinator that fails over in the middle of a rebalance has forgotten who left during it. The restart
// takes its predecessor out again, as long as it waits.
func TestAForgottenFarewellIsRepeated(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic, group, l := k.Create(t, "a", 3), k.Topic("group"), newLine(-1)
	await(t, named(t, own(t, k, l.options), "one", group, topic), topic, 3)
	l.Cut()
	forgotten := make(chan struct{})
	k.Fake.ControlKey(int16(kmsg.LeaveGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		close(forgotten)
		return r.ResponseKind(), nil, true
	})
	await(t, named(t, own(t, k), "one", group, topic), topic, 3)
	if !closed(forgotten) {
		t.Error("nobody was taken out: the test proves nothing")
	}
}

// Members of other names, of none, and of names that begin alike stay the members that they were.
func TestARestartLeavesOthersAlone(t *testing.T) {
	for _, other := range []string{"", "one-more", "on", "One"} {
		t.Run("beside "+other, func(t *testing.T) {
			k := kafkatest.Start(t, 1)
			topic, group, l := k.Create(t, "a", 4), k.Topic("group"), newLine(-1)
			c := own(t, k)
			gens := named(t, c, other, group, topic)
			before := await(t, gens, topic, 4)
			await(t, named(t, own(t, k, l.options), "one", group, topic), topic, 2)
			l.Cut()
			await(t, named(t, own(t, k), "one", group, topic), topic, 2)
			for ctx := kafkatest.Context(t); ; {
				now := await(t, gens, topic, 2)
				if now.MemberID != before.MemberID {
					t.Fatalf("member %s was thrown out and is %s now", before.MemberID, now.MemberID)
				}
				tp := consumer.TopicPartition{Topic: topic, Partition: now.Partitions[topic][0]}
				err := now.Commit(ctx, map[consumer.TopicPartition]int64{tp: 7})
				if err == nil {
					return
				}
				if !errors.Is(err, consumer.ErrGenerationEnded) { // the one that it shared with the dead
					t.Fatal(err)
				}
			}
		})
	}
}

// Two living processes under one name: the later start throws the earlier out, which joins again.
func TestTwoLivingProcessesUnderOneName(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic, group := k.Create(t, "a", 4), k.Topic("group")
	gens := named(t, own(t, k), "one", group, topic)
	before := await(t, gens, topic, 4)
	later := await(t, named(t, own(t, k), "one", group, topic), topic, 2)
	again := await(t, gens, topic, 2)
	if !closed(before.Done()) || again.MemberID == before.MemberID || again.MemberID == later.MemberID {
		t.Errorf("member %s is %s now, beside %s", before.MemberID, again.MemberID, later.MemberID)
	}
}

// Whoever may not ask, or may not take members out, joins all the same, and says what it may wait for.
func TestTroubleWithFormerMembersOnlyCostsTheWait(t *testing.T) {
	refused := kerr.GroupAuthorizationFailed.Code
	for name, refuse := range map[string]func(kmsg.Request) kmsg.Response{
		"describe": func(r kmsg.Request) kmsg.Response {
			answer := r.ResponseKind().(*kmsg.DescribeGroupsResponse)
			answer.Groups = append(answer.Groups, kmsg.DescribeGroupsResponseGroup{Group: r.(*kmsg.DescribeGroupsRequest).Groups[0], ErrorCode: refused})
			return answer
		},
		"leave": func(r kmsg.Request) kmsg.Response {
			answer := r.ResponseKind().(*kmsg.LeaveGroupResponse)
			answer.ErrorCode = refused
			return answer
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1)
			topic, group := k.Create(t, "a", 4), k.Topic("group")
			first := named(t, own(t, k), "one", group, topic)
			await(t, first, topic, 4)
			key := int16(kmsg.DescribeGroups)
			if name == "leave" {
				key = int16(kmsg.LeaveGroup)
			}
			k.Fake.ControlKey(key, func(r kmsg.Request) (kmsg.Response, error, bool) { return refuse(r), nil, true })
			var log bytes.Buffer
			await(t, named(t, own(t, k), "one", group, topic, slog.New(slog.NewTextHandler(&log, nil))), topic, 2)
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "name=one") {
				t.Errorf("the refusal is logged as %q", log.String())
			}
		})
	}
}
