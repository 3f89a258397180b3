package internal

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
	"processor/internal/secret"
	"processor/internal/sink"
)

// secureBroker is the SASL_SSL listener of a real broker that .ci/kafka started with KAFKA_SECURE.
func secureBroker(t *testing.T) (address string, encryption *broker.TLS) {
	t.Helper()
	if address = os.Getenv("KAFKA_SECURE_BROKER"); address == "" {
		t.Skip("KAFKA_SECURE_BROKER is not set: .ci/run security starts a broker and sets it")
	}
	return address, &broker.TLS{CAFile: os.Getenv("KAFKA_SECURE_CA")}
}

func open(t *testing.T, o broker.Options) *broker.Cluster {
	t.Helper()
	c, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// unsigned is a token that the broker's validator for tests takes: a JWT that nobody signed.
func unsigned(subject string, ends time.Time) broker.TokenSource {
	part := base64.RawURLEncoding.EncodeToString
	claims := fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, subject, time.Now().Add(-time.Minute).Unix(), ends.Unix())
	text := part([]byte(`{"alg":"none"}`)) + "." + part(claims) + "."
	return func(context.Context) (broker.Token, error) {
		return broker.Token{Value: secret.Text(text), Expires: ends}, nil
	}
}

// Each mechanism opens to who may come in, and to nobody else; the refusal names the setting.
func TestSecureLogins(t *testing.T) {
	address, encryption := secureBroker(t)
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		login  broker.Login
		tls    *broker.TLS
		remedy string
	}{
		{"plain", broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "sesame"}, encryption, ""},
		{"scram 256", broker.Login{Mechanism: "SCRAM-SHA-256", Username: "ada", Password: "sesame"}, encryption, ""},
		{"scram 512", broker.Login{Mechanism: "SCRAM-SHA-512", Username: "ada", Password: "sesame"}, encryption, ""},
		{"bearer", broker.Login{Mechanism: "OAUTHBEARER", Token: unsigned("ada", later)}, encryption, ""},
		{"plain, wrong", broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "guess"}, encryption, "kafka.sasl.username"},
		{"scram, wrong", broker.Login{Mechanism: "SCRAM-SHA-512", Username: "ada", Password: "guess"}, encryption, "kafka.sasl.username"},
		{"scram, nobody", broker.Login{Mechanism: "SCRAM-SHA-256", Username: "eve", Password: "sesame"}, encryption, "kafka.sasl.username"},
		{"bearer, ended", broker.Login{Mechanism: "OAUTHBEARER", Token: unsigned("ada", time.Now().Add(-time.Hour))}, encryption, "kafka.sasl.username"},
		{"another authority", broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "sesame"}, &broker.TLS{CAFile: kafkatest.NewAuthority(t).CAFile}, "kafka.tls.ca_file"},
		{"another name", broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "sesame"}, &broker.TLS{CAFile: encryption.CAFile, ServerName: "kafka.internal"}, "kafka.tls.server_name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, broker.Options{Brokers: []string{address}, TLS: c.tls, Login: c.login}).Nodes(kafkatest.Context(t))
			switch {
			case c.remedy == "" && err != nil:
				t.Errorf("%v: %s", err, broker.Remedy(err))
			case c.remedy != "" && (err == nil || !strings.Contains(broker.Remedy(err), c.remedy)):
				t.Errorf("%v: remedy %q, want one about %s", err, broker.Remedy(err), c.remedy)
			}
		})
	}
}

// Who may do nothing is told which operation is missing, one after the other.
func TestSecureDenials(t *testing.T) {
	address, encryption := secureBroker(t)
	root := open(t, broker.Options{Brokers: []string{address}, TLS: encryption, Login: broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "sesame"}})
	bob := open(t, broker.Options{Brokers: []string{address}, TLS: encryption, Login: broker.Login{Mechanism: "PLAIN", Username: "bob", Password: "pepper"}})
	ctx := kafkatest.Context(t)
	topic := fmt.Sprintf("denied-%08x", rand.Uint32())
	if err := sink.EnsureTopics(ctx, root, []sink.TopicSpec{{Name: topic, Partitions: 1, Create: true}}); err != nil {
		t.Fatal(err)
	}
	operations, access, err := bob.Access(ctx, topic)
	if err != nil || !broker.Denied(access[topic].Err) || operations.May(broker.Create) {
		t.Errorf("access: %v %+v %v", operations, access, err)
	}
	if operations, access, err = root.Access(ctx, topic); err != nil || !access[topic].Operations.May(broker.Write) || !operations.May(broker.Create) {
		t.Errorf("access of who may do everything: %v %+v %v", operations, access, err)
	}
	if _, err := consumer.DescribeGroup(ctx, bob, "g"); !broker.Denied(err) {
		t.Errorf("group: %v", err)
	}
	if _, err := bob.TransactionCoordinator(ctx, "g-shard-0"); !broker.Denied(err) {
		t.Errorf("transactions: %v", err)
	}
	p, err := sink.NewProducer(bob, sink.ProducerOptions{Deadline: 5 * time.Second})
	if err == nil {
		_, err = p.Send(ctx, []sink.Message{{Topic: topic, Value: []byte("x")}})
	}
	if !broker.Denied(err) {
		t.Errorf("write: %v", err)
	}
	if least, enough, err := root.Version(ctx, 1); err != nil || !enough || least != "4.0" {
		t.Errorf("version %s %t %v", least, enough, err)
	}
}

// The broker ends every session after some seconds. Records that are written and read all the while arrive, each
// once and in order, by the plain and the transactional way, and for tokens that end as well.
func TestSecureSessionsThatEnd(t *testing.T) {
	address, encryption := secureBroker(t)
	for name, login := range map[string]broker.Login{
		"scram": {Mechanism: "SCRAM-SHA-256", Username: "ada", Password: "sesame"},
		"bearer": {Mechanism: "OAUTHBEARER", Token: func(ctx context.Context) (broker.Token, error) {
			return unsigned("ada", time.Now().Add(2*time.Second))(ctx)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, broker.Options{Brokers: []string{address}, TLS: encryption, Login: login})
			ctx := kafkatest.Context(t)
			topic := fmt.Sprintf("sessions-%08x", rand.Uint32())
			if err := sink.EnsureTopics(ctx, c, []sink.TopicSpec{{Name: topic, Partitions: 1, Create: true}}); err != nil {
				t.Fatal(err)
			}
			p, err := sink.NewProducer(c, sink.ProducerOptions{})
			if err != nil {
				t.Fatal(err)
			}
			x, err := sink.NewTransactor(c, sink.TransactorOptions{ID: topic})
			if err == nil {
				err = x.Open(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			sent := 0
			for begun := time.Now(); time.Since(begun) < 12*time.Second; sent += 2 { // four sessions, or six tokens
				if _, err := p.Send(ctx, []sink.Message{{Topic: topic, Value: fmt.Append(nil, sent)}}); err != nil {
					t.Fatalf("after %d records: %v", sent, err)
				}
				if err := transact(ctx, x, sink.Message{Topic: topic, Value: fmt.Append(nil, sent+1)}); err != nil {
					t.Fatalf("after %d records: %v", sent+1, err)
				}
			}
			if err := x.Open(ctx); err != nil { // readers see the last commit by then
				t.Fatal(err)
			}
			read := 0
			_, err = consumer.ReadRange(ctx, c, topic, 0, consumer.FromStart, func(r *consumer.Record) error {
				if string(r.Value) != fmt.Sprint(read) {
					return fmt.Errorf("record %q, want %d", r.Value, read)
				}
				read++
				return nil
			})
			if err != nil || read != sent {
				t.Errorf("%d records read of %d: %v", read, sent, err)
			}
			t.Logf("%d records", sent)
		})
	}
}

// transact sends one record in a transaction, and settles one whose end got lost.
func transact(ctx context.Context, x *sink.Transactor, m sink.Message) error {
	for {
		err := x.Begin(ctx)
		if err == nil {
			_, err = x.Send(ctx, []sink.Message{m})
		}
		if err == nil {
			err = x.Commit(ctx)
		}
		var failed *sink.ErrTransaction
		if err == nil || !errors.As(err, &failed) || ctx.Err() != nil {
			return err
		}
		outcome, recoverErr := x.Recover(ctx)
		if recoverErr != nil || outcome == sink.Committed {
			return recoverErr
		}
	}
}
