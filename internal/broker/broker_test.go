package broker_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := broker.New(broker.Options{Brokers: []string{"kafka", "localhost:"}, RequestTimeout: -1})
	for _, want := range []string{`"kafka" is not host:port`, `"localhost:" is not host:port`, "request timeout is negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not contain %s", err, want)
		}
	}
	if _, err := broker.New(broker.Options{}); err == nil {
		t.Error("no brokers are accepted")
	}
}

func TestSASLByName(t *testing.T) {
	for _, test := range []struct{ name, user, password, want string }{
		{"", "", "", ""},
		{"", "u", "p", "no mechanism"},
		{"PLAIN", "u", "", "needs a user and a password"},
		{"GSSAPI", "u", "sesame", "unknown SASL mechanism"},
	} {
		m, err := broker.SASL(test.name, test.user, test.password)
		switch {
		case test.want == "" && (m != nil || err != nil):
			t.Errorf("none: %v, %v", m, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		case err != nil && strings.Contains(err.Error(), "sesame"):
			t.Errorf("%s: the password is shown: %v", test.name, err)
		}
	}
}

func TestSASLOpensTheDoorOnlyToTheRightPassword(t *testing.T) {
	for _, name := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(name, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1, kfake.EnableSASL(), kfake.Superuser(name, "ada", "sesame"))
			for password, want := range map[string]bool{"sesame": true, "guess": false} {
				mechanism, err := broker.SASL(strings.ToLower(name), "ada", password)
				if err != nil {
					t.Fatal(err)
				}
				c, err := broker.New(broker.Options{Brokers: k.Brokers, SASL: mechanism})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(c.Close)
				_, err = c.Topics(kafkatest.Context(t), "any")
				if (err == nil) != want {
					t.Errorf("password %q: %v", password, err)
				}
			}
		})
	}
}

func TestLeaderIsRememberedUntilForgotten(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "led", 1)
	c, err := broker.New(broker.Options{Brokers: k.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, tp := kafkatest.Context(t), broker.TopicPartition{Topic: topic}
	before, err := c.Leader(ctx, tp)
	if err != nil {
		t.Fatal(err)
	}
	after := (before + 1) % 3
	if err := k.Fake.MoveTopicPartition(topic, 0, after); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Leader(ctx, tp); got != before {
		t.Errorf("leader %d, want the remembered %d", got, before)
	}
	c.Forget(tp)
	if got, err := c.Leader(ctx, tp); got != after {
		t.Errorf("leader %d (%v), want %d", got, err, after)
	}
	if _, err := c.Leader(ctx, broker.TopicPartition{Topic: topic, Partition: 7}); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("a partition that does not exist: %v", err)
	}
}

func TestTransient(t *testing.T) {
	for _, err := range []error{io.EOF, kafka.NotLeaderForPartition, kafka.ConcurrentTransactions, kafka.KafkaStorageError} {
		if !broker.Transient(err) {
			t.Errorf("%v may pass", err)
		}
	}
	for _, err := range []error{nil, kafka.TopicAuthorizationFailed, kafka.MessageSizeTooLarge, kafka.SASLAuthenticationFailed, t.Context().Err()} {
		if broker.Transient(err) {
			t.Errorf("%v does not pass by itself", err)
		}
	}
}
