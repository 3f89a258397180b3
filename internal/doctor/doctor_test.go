package doctor_test

import (
	"crypto/tls"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/doctor"
	"processor/internal/kafkatest"
	"processor/internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const oneEvent = `{"specversion":"1.0","id":"e1","source":"test","type":"charge.recorded","subject":"acme","time":"2026-03-01T00:00:00Z",` +
	`"data":{"kind":"one_off","amount":"1","currency":"USD"}}`

// scene is a healthy service that never ran, and what a case breaks of it.
type scene struct {
	kafka   []kfake.Opt
	nodes   int
	topics  map[string]map[string]string // settings by name; the source is billing
	parts   map[string]int
	records []kafkatest.Record
	login   broker.Login
	tls     *broker.TLS
	options func(t *testing.T, o *doctor.Options)
	after   func(t *testing.T, k *kafkatest.Kafka)
}

func healthy() *scene {
	forEver := map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
	return &scene{nodes: 3, topics: map[string]map[string]string{"billing": forEver}, records: []kafkatest.Record{{Key: "acme", Value: oneEvent}}}
}

func (s *scene) set(topic, name, value string) {
	settings := maps.Clone(s.topics[topic])
	if settings == nil {
		settings = map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
	}
	settings[name] = value
	s.topics[topic] = settings
}

func (s *scene) examine(t *testing.T) []doctor.Finding {
	t.Helper()
	k := kafkatest.StartFake(t, s.nodes, s.kafka...)
	for name, configs := range s.topics {
		if err := k.Fake.CreateTopic(name, int32(max(1, s.parts[name])), configs); err != nil {
			t.Fatal(err)
		}
	}
	cluster, err := broker.New(broker.Options{Brokers: k.Brokers, Login: s.login, TLS: s.tls, RequestTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	if s.login.Mechanism == "" && s.tls == nil && s.topics["billing"] != nil && s.records != nil {
		k.Produce(t, "billing", s.records...)
	}
	if s.after != nil {
		s.after(t, k)
	}
	o := doctor.Options{User: s.login.Username, Service: pipeline.Options{
		Cluster: cluster, Group: "expansion", Sources: []pipeline.Source{{Topic: "billing", KeyedByAccount: true}}, Prefix: "x.", CreateTopics: true,
		CheckpointDir: filepath.Join(t.TempDir(), "state"),
	}}
	o.Service.Core.Currency = "USD"
	if s.options != nil {
		s.options(t, &o)
	}
	return doctor.Examine(t.Context(), o)
}

func allow(resource kmsg.ACLResourceType, name string, ops ...kmsg.ACLOperation) (list []kfake.ACL) {
	for _, op := range ops {
		list = append(list, kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op, Allow: true})
	}
	return list
}

// everyACL is what the service needs, but for what a case takes away.
func everyACL(without ...string) []kfake.ACL {
	all := map[string][]kfake.ACL{
		"source read":     allow(kmsg.ACLResourceTypeTopic, "billing", kmsg.ACLOperationRead),
		"source describe": allow(kmsg.ACLResourceTypeTopic, "billing", kmsg.ACLOperationDescribe),
		"source configs":  allow(kmsg.ACLResourceTypeTopic, "billing", kmsg.ACLOperationDescribeConfigs),
		"output write":    allow(kmsg.ACLResourceTypeTopic, "x.movements", kmsg.ACLOperationWrite),
		"output rest":     allow(kmsg.ACLResourceTypeTopic, "x.movements", kmsg.ACLOperationRead, kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs),
		"create":          allow(kmsg.ACLResourceTypeCluster, "kafka-cluster", kmsg.ACLOperationCreate, kmsg.ACLOperationIdempotentWrite),
		"group":           allow(kmsg.ACLResourceTypeGroup, "expansion", kmsg.ACLOperationRead, kmsg.ACLOperationDescribe),
		"transactions": append(allow(kmsg.ACLResourceTypeTransactionalId, "expansion-shard-0", kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe),
			allow(kmsg.ACLResourceTypeTransactionalId, "expansion-state-0", kmsg.ACLOperationWrite)...),
	}
	for _, outputs := range []string{"x.accounts", "x.account_months", "x.metrics", "x.vintage", "x.partials", "x.progress", "x.dead-letters"} {
		all["other outputs"] = append(all["other outputs"], allow(kmsg.ACLResourceTypeTopic, outputs, kmsg.ACLOperationDescribe)...)
	}
	for _, w := range without {
		delete(all, w)
	}
	var list []kfake.ACL
	for _, acls := range all {
		list = append(list, acls...)
	}
	return list
}

// denied is a scene with access control, in which something is not allowed.
func denied(without ...string) func(s *scene) {
	return func(s *scene) {
		s.set("x.movements", "cleanup.policy", "compact")
		s.kafka = []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser("PLAIN", "root", "r"), kfake.User("PLAIN", "ada", "a", everyACL(without...)...)}
		s.login = broker.Login{Mechanism: "PLAIN", Username: "ada", Password: "a"}
	}
}

// keptDir is the checkpoint directory of a service that ran under a meaning.
func keptDir(t *testing.T, o *doctor.Options, meaning string) string {
	t.Helper()
	store, err := checkpoint.Open(checkpoint.Options{Dir: o.Service.CheckpointDir, Fingerprint: meaning})
	if err == nil {
		err = store.Save(t.Context(), 0, []byte(`{"format":1,"sources":[{"topic":"billing","next":1}]}`), nil)
	}
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.Service.CheckpointDir
}

// Each thing that may be wrong is found, with what mends it.
func TestFindings(t *testing.T) {
	authority := kafkatest.NewAuthority(t)
	soon := authority.Sign(t, "127.0.0.1", time.Now().Add(10*24*time.Hour))
	ending := authority.Sign(t, "127.0.0.1", time.Now().Add(time.Hour))
	encrypted := func(o broker.TLS, files kafkatest.Pair) func(s *scene) {
		return func(s *scene) {
			s.kafka = []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{soon.Certificate}})} //nolint:gosec // the client's minimum counts
			o.CAFile, o.CertFile, o.KeyFile = authority.CAFile, files.CertFile, files.KeyFile
			s.tls = &o
		}
	}
	dir := func(change func(t *testing.T, o *doctor.Options)) func(s *scene) {
		return func(s *scene) { s.options = change }
	}
	for _, c := range []struct {
		name     string
		change   func(s *scene)
		check    string
		severity doctor.Severity
		subject  string
		remedy   string
	}{
		{"brokers answer", func(*scene) {}, "brokers.version", doctor.Fine, "127.0.0.1", ""},
		{"zone", func(*scene) {}, "zone.data", doctor.Fine, "UTC", ""},
		{"records lie where they belong", func(*scene) {}, "source.keys", doctor.Fine, "sources", ""},
		{"the group is new", func(*scene) {}, "group.state", doctor.Note, "expansion", ""},
		{"outputs are to be made", func(*scene) {}, "output.exists", doctor.Note, "x.metrics", ""},
		{"transactions", func(*scene) {}, "transactions.coordinator", doctor.Fine, "expansion-shard-0", ""},
		{"the disk has room", func(*scene) {}, "disk.space", "", "", ""},
		{"the disk syncs", func(*scene) {}, "disk.sync", "", "", ""},
		{"no checkpoint yet", func(*scene) {}, "checkpoint.none", doctor.Note, "state", ""},
		{"no encryption", func(*scene) {}, "tls.off", doctor.Note, "kafka.tls", "kafka.tls: {enabled: true"},
		{"the clock", func(*scene) {}, "clock.skew", doctor.Fine, "clock", ""},

		{"one broker", func(s *scene) { s.nodes = 1 }, "brokers.number", doctor.Note, "kafka.brokers", "three brokers"},
		{"no broker", func(s *scene) { s.after = func(_ *testing.T, k *kafkatest.Kafka) { k.Fake.Close() } }, "brokers.reachable", doctor.Error, "kafka.brokers", "kafka.brokers"},
		{"a wrong password", func(s *scene) { denied()(s); s.login.Password = "b" }, "brokers.reachable", doctor.Error, "kafka.brokers", "kafka.sasl"},
		{"not verified", encrypted(broker.TLS{InsecureSkipVerify: true}, soon), "tls.unverified", doctor.Warning, "kafka.tls", "insecure_skip_verify"},
		{"a certificate that ends soon", encrypted(broker.TLS{}, soon), "tls.certificate", doctor.Warning, "cert_file", "no restart is needed"},
		{"a certificate that ends now", encrypted(broker.TLS{}, ending), "tls.certificate", doctor.Error, "cert_file", "no restart is needed"},
		{"a clock behind", dir(func(_ *testing.T, o *doctor.Options) {
			o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		}), "clock.skew", doctor.Error, "clock", "synchronise"},
		{"a clock a little behind", dir(func(_ *testing.T, o *doctor.Options) {
			o.Now = func() time.Time { return time.Now().Add(-30 * time.Second) }
		}), "clock.skew", doctor.Warning, "clock", "synchronise"},

		{"no source", func(s *scene) { delete(s.topics, "billing") }, "source.exists", doctor.Error, "billing", "kafka-topics.sh --create --topic billing"},
		{"producers' clocks", func(s *scene) { s.set("billing", "message.timestamp.type", "CreateTime") }, "source.timestamps", doctor.Note, "billing", "message.timestamp.type=LogAppendTime"},
		{"compacted", func(s *scene) { s.set("billing", "cleanup.policy", "compact") }, "source.compacted", doctor.Warning, "billing", "cleanup.policy=delete"},
		{"kept for a week", func(s *scene) { s.set("billing", "retention.ms", "604800000") }, "source.retention", doctor.Warning, "billing", "retention.ms=-1"},
		{"kept to a size", func(s *scene) { s.set("billing", "retention.bytes", "1000000") }, "source.retention", doctor.Warning, "billing", "retention.bytes=-1"},
		{"empty", func(s *scene) { s.records = nil }, "source.records", doctor.Note, "billing", ""},
		{"its beginning is lost", func(s *scene) {
			s.after = func(t *testing.T, k *kafkatest.Kafka) { t.Helper(); k.DeleteRecords(t, "billing", 0, 1) }
		}, "source.beginning", doctor.Warning, "billing", "keep the checkpoint"},
		{"its beginning is lost and there is no checkpoint", func(s *scene) {
			s.after = func(t *testing.T, k *kafkatest.Kafka) { t.Helper(); k.DeleteRecords(t, "billing", 0, 1) }
		}, "checkpoint.none", doctor.Error, "state", "put back the checkpoint"},
		{"another key", func(s *scene) { s.records = []kafkatest.Record{{Key: "order-1", Value: oneEvent}} }, "source.keys", doctor.Error, "sources", "keyed_by_account: false"},
		{"another partitioner", func(s *scene) {
			s.parts = map[string]int{"billing": 2}
			s.records = []kafkatest.Record{{Key: "acme", Value: oneEvent}, {Key: "acme", Value: oneEvent, Partition: 1}}
		}, "source.keys", doctor.Error, "sources", "keyed_by_account: false"},
		{"sources of two sizes", func(s *scene) {
			s.topics["usage"], s.parts = s.topics["billing"], map[string]int{"usage": 4}
			s.options = func(_ *testing.T, o *doctor.Options) {
				o.Service.Sources = append(o.Service.Sources, pipeline.Source{Topic: "usage", KeyedByAccount: true})
			}
		}, "source.partitions", doctor.Note, "billing", ""},

		{"outputs that must be there", dir(func(_ *testing.T, o *doctor.Options) { o.Service.CreateTopics = false }), "output.exists", doctor.Error, "x.movements", "output.create_topics: true"},
		{"an output of another size", func(s *scene) {
			s.set("x.metrics", "cleanup.policy", "compact")
			s.parts = map[string]int{"x.metrics": 3}
		}, "output.partitions", doctor.Error, "x.metrics", "--partitions 1"},
		{"an output that deletes", func(s *scene) { s.set("x.metrics", "cleanup.policy", "delete") }, "output.cleanup", doctor.Error, "x.metrics", "cleanup.policy=compact"},
		{"an output with producers' clocks", func(s *scene) { s.set("x.metrics", "message.timestamp.type", "CreateTime") }, "output.timestamps", doctor.Warning, "x.metrics", "LogAppendTime"},
		{"an output for small batches", func(s *scene) { s.set("x.metrics", "max.message.bytes", "1000") }, "output.bytes", doctor.Error, "x.metrics", "max.message.bytes=1048588"},
		{"an output that wants too many replicas", func(s *scene) { s.set("x.metrics", "min.insync.replicas", "5") }, "output.insync", doctor.Error, "x.metrics", "min.insync.replicas=2"},
		{"dead letters for an hour", func(s *scene) {
			s.set("x.dead-letters", "cleanup.policy", "delete")
			s.set("x.dead-letters", "retention.ms", "3600000")
		}, "output.retention", doctor.Warning, "x.dead-letters", "retention.ms=2592000000"},

		{"may not read the source", denied("source read"), "access.topic", doctor.Error, "topic billing", "User:ada --operation Read --topic billing"},
		{"may not see the source", denied("source read", "source describe", "source configs"), "access.topic", doctor.Error, "topic billing", "--operation Describe --topic billing"},
		{"may not read its settings", denied("source configs"), "access.topic", doctor.Error, "topic billing", "--operation DescribeConfigs --topic billing"},
		{"may not write rows", denied("output write"), "access.topic", doctor.Error, "topic x.movements", "--operation Write --topic x.movements"},
		{"may not create topics", denied("create"), "access.create", doctor.Warning, "x.metrics", "--operation Create --topic x.metrics"},
		{"may not join the group", denied("group"), "access.group", doctor.Error, "group expansion", "--operation Read --group expansion"},
		{"may not have transactions", denied("transactions"), "access.transactions", doctor.Error, "transactional ids", "--transactional-id expansion- --resource-pattern-type prefixed"},

		{"the directory is a file", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			if err := os.WriteFile(o.Service.CheckpointDir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}), "disk.directory", doctor.Error, "state", "a directory of its own"},
		{"the directory is a link", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			if err := os.Symlink(t.TempDir(), o.Service.CheckpointDir); err != nil {
				t.Fatal(err)
			}
		}), "disk.directory", doctor.Error, "state", "the directory itself"},
		{"everyone may write", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			if err := os.Mkdir(o.Service.CheckpointDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(o.Service.CheckpointDir, 0o777); err != nil { //nolint:gosec // it is what is found
				t.Fatal(err)
			}
		}), "disk.permissions", doctor.Error, "state", "chmod 700"},
		{"somebody else's directory", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			if err := os.MkdirAll(o.Service.CheckpointDir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.Service.CheckpointDir, "photo.jpg"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}), "checkpoint.foreign", doctor.Error, "state", "holds nothing else"},
		{"a checkpoint of another meaning", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			keptDir(t, o, "Partitions 1; Currency EUR")
		}), "checkpoint.meaning", doctor.Error, "state", "processor rebuild --from checkpoint"},
		{"an old checkpoint", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			keptDir(t, o, "Partitions 1; Currency EUR")
			o.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
		}), "checkpoint.age", doctor.Warning, "state", "processor run"},
		{"a damaged checkpoint", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			tables, err := filepath.Glob(filepath.Join(keptDir(t, o, "Partitions 1"), "*.sst"))
			if err != nil || len(tables) == 0 {
				t.Fatalf("%v %v", tables, err)
			}
			for _, table := range tables {
				text, err := os.ReadFile(table) //nolint:gosec // the test's own
				if err == nil {
					text[3] ^= 1
					err = os.WriteFile(table, text, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}), "checkpoint.readable", doctor.Error, "state", "processor rebuild --from log"},
		{"a running service", dir(func(t *testing.T, o *doctor.Options) {
			t.Helper()
			store, err := checkpoint.Open(checkpoint.Options{Dir: o.Service.CheckpointDir, Fingerprint: "Partitions 1"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
		}), "checkpoint.locked", doctor.Fine, "state", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			c.change(s)
			findings := s.examine(t)
			if !slices.ContainsFunc(findings, func(f doctor.Finding) bool {
				return f.Check == c.check && (c.severity == "" || f.Severity == c.severity) && strings.Contains(f.Subject, c.subject) && strings.Contains(f.Remedy, c.remedy)
			}) {
				t.Errorf("no %s %s of %s with %q in", c.severity, c.check, c.subject, c.remedy)
				for _, f := range findings {
					t.Logf("%+v", f)
				}
			}
		})
	}
}

// Where nothing is wrong, nothing is said to be.
func TestAHealthyServiceHasNoFindings(t *testing.T) {
	for _, f := range healthy().examine(t) {
		if f.Severity == doctor.Error || f.Severity == doctor.Warning && !strings.HasPrefix(f.Check, "disk.") && f.Check != "topics.replicas" {
			t.Errorf("%+v", f)
		}
	}
	s := healthy()
	denied()(s)
	for _, f := range s.examine(t) {
		if strings.HasPrefix(f.Check, "access.") && f.Subject != "topic billing" && !strings.Contains(f.Subject, "x.") {
			t.Errorf("%+v", f)
		}
	}
}

func TestWorst(t *testing.T) {
	for want, of := range map[doctor.Severity][]doctor.Severity{
		doctor.Fine: nil, doctor.Note: {doctor.Fine, doctor.Note}, doctor.Warning: {doctor.Note, doctor.Warning, doctor.Fine}, doctor.Error: {doctor.Error, doctor.Warning},
	} {
		var findings []doctor.Finding
		for _, s := range of {
			findings = append(findings, doctor.Finding{Severity: s})
		}
		if got := doctor.Worst(findings); got != want {
			t.Errorf("%v: %s, want %s", of, got, want)
		}
	}
}
