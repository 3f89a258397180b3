package doctor

import (
	"context"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// The times before the end of a certificate at which it is worth a finding.
const (
	certificateSoon = 30 * 24 * time.Hour
	certificateNow  = 2 * 24 * time.Hour
)

// protection looks at encryption and login.
func (e *examination) protection() {
	s := e.cluster.Security()
	if !s.Encrypted {
		e.add("tls.off", Note, "kafka.tls", "kafka.tls: {enabled: true, ca_file: ...}", "connections to the brokers are not encrypted")
		return
	}
	if s.Unverified {
		e.add("tls.unverified", Warning, "kafka.tls", "set kafka.tls.ca_file and leave out kafka.tls.insecure_skip_verify",
			"the brokers' certificates are not checked: anyone on the way can read and change everything")
	}
	if s.Reading != nil {
		e.add("tls.files", Warning, "kafka.tls", "mend the files; they are read again at the next connection", "files that have changed cannot be used: %v", s.Reading)
	}
	if s.Certificate.IsZero() {
		return
	}
	left := s.Certificate.Sub(e.Now())
	severity := Fine
	switch {
	case left < certificateNow:
		severity = Error
	case left < certificateSoon:
		severity = Warning
	}
	remedy := ""
	if severity != Fine {
		remedy = "put a new certificate and key into kafka.tls.cert_file and key_file; no restart is needed"
	}
	e.add("tls.certificate", severity, "kafka.tls.cert_file", remedy, "this program's certificate ends at %s", s.Certificate.UTC().Format(time.RFC3339))
}

// brokers asks each one. It says whether any answers.
func (e *examination) brokers(ctx context.Context) bool {
	nodes, err := e.cluster.Nodes(ctx)
	if err != nil {
		e.failed("brokers.reachable", "kafka.brokers", err)
		return false
	}
	e.nodes = len(nodes)
	for _, n := range nodes {
		least, enough, err := e.cluster.Version(ctx, n.ID)
		switch {
		case err != nil:
			e.failed("brokers.reachable", n.Address, err)
		case !enough:
			e.add("brokers.version", Error, n.Address, "upgrade the broker", "it is older than Kafka 2.3, which is needed")
		default:
			e.add("brokers.version", Fine, n.Address, "", "broker %d answers; Kafka %s or later", n.ID, least)
		}
	}
	if len(nodes) < 3 {
		e.add("brokers.number", Note, "kafka.brokers", "run three brokers or more, with topics of three replicas", "with %d broker(s) the loss of one stops the service or loses records", len(nodes))
	}
	return true
}

// group looks at who is in it.
func (e *examination) group(ctx context.Context) {
	use, err := consumer.DescribeGroup(ctx, e.cluster, e.Service.Group)
	switch {
	case broker.Denied(err):
		e.allow("access.group", "group "+e.Service.Group, broker.Read, "group", e.Service.Group, "without it partitions cannot be shared out")
	case err != nil:
		e.failed("group.state", e.Service.Group, err)
	case use.Unknown():
		e.add("group.state", Note, e.Service.Group, "", "the group does not exist yet: the service never ran, or longer ago than the cluster keeps groups")
	case len(use.Members) == 0:
		e.add("group.state", Note, e.Service.Group, "", "the group is %s: no instance runs", use.State)
	default:
		e.add("group.state", Fine, e.Service.Group, "", "the group is %s with members %v", use.State, use.Members)
	}
}

// transactions asks for a coordinator of the ids under which rows are sent.
func (e *examination) transactions(ctx context.Context) {
	id := e.Service.Group + "-shard-0"
	_, err := e.cluster.TransactionCoordinator(ctx, id)
	switch {
	case broker.Denied(err):
		e.allow("access.transactions", "transactional ids "+e.Service.Group+"-*", broker.Write, "transactional-id", e.Service.Group+"-*",
			"rows are sent in transactions (output.delivery: exactly_once), and so are checkpoints of the store kafka")
	case err != nil:
		e.failed("transactions.coordinator", id, err)
	default:
		e.add("transactions.coordinator", Fine, id, "", "a broker coordinates its transactions")
	}
}

// The differences between clocks that are worth a finding. Events further in the future are rejected.
const (
	clockAside = time.Second
	clockWrong = 2 * time.Minute
)

// clock compares the latest append times with this machine's clock. A clock that is ahead does not show: the
// brokers tell no one the time but by what they store.
func (e *examination) clock(ctx context.Context) {
	var latest time.Time
	where := ""
	for topic, a := range e.access {
		if !a.Exists || e.settings[topic]["message.timestamp.type"] != "LogAppendTime" || !a.Operations.May(broker.Read) {
			continue
		}
		if at := e.lastAppend(ctx, topic, a.Partitions); at.After(latest) {
			latest, where = at, topic
		}
	}
	behind := latest.Sub(e.Now())
	switch {
	case latest.IsZero():
		e.add("clock.skew", Note, "clock", "", "no record with a broker's time was found to compare this clock with")
	case behind > clockWrong:
		e.add("clock.skew", Error, "clock", "synchronise the clocks (chronyc tracking)", "this clock is at least %s behind the broker that stored the last record of %s: its events are rejected as future_time", behind.Round(time.Second), where)
	case behind > clockAside:
		e.add("clock.skew", Warning, "clock", "synchronise the clocks (chronyc tracking)", "this clock is at least %s behind the broker that stored the last record of %s", behind.Round(time.Millisecond), where)
	default:
		e.add("clock.skew", Fine, "clock", "", "this clock is not behind the brokers'")
	}
}

// lastAppend is the time of the last record that is there, of the first partitions; zero for none.
func (e *examination) lastAppend(ctx context.Context, topic string, partitions int) (latest time.Time) {
	const looked, back = 4, 8 // partitions, and offsets: the last ones may be marks of transactions
	for p := range min(partitions, looked) {
		tp := broker.TopicPartition{Topic: topic, Partition: int32(p)} //nolint:gosec // a partition
		starts, err := consumer.StartOffsets(ctx, e.cluster, []broker.TopicPartition{tp})
		if err != nil {
			return latest
		}
		ends, err := consumer.EndOffsets(ctx, e.cluster, []broker.TopicPartition{tp})
		if err != nil || ends[tp] == starts[tp] {
			continue
		}
		_, _ = consumer.ReadRange(ctx, e.cluster, topic, tp.Partition, max(starts[tp], ends[tp]-back), func(r *consumer.Record) error { // what cannot be read tells no time
			if at := time.Unix(0, r.Time); r.Append && at.After(latest) {
				latest = at
			}
			return nil
		})
	}
	return latest
}
