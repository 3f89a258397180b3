package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/pipeline"
)

// settingNames are those of topics that matter.
var settingNames = []string{"cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type", "max.message.bytes", "min.insync.replicas"}

// topics asks about all topics at once. It says whether the brokers told.
func (e *examination) topics(ctx context.Context) bool {
	var names []string
	for _, s := range e.Service.Sources {
		names = append(names, s.Topic)
	}
	specs, err := pipeline.Outputs(e.Service, 1) // their number is known only after the sources'
	if err != nil {
		e.failed("configuration", "options", err)
		return false
	}
	for _, s := range specs {
		names = append(names, s.Name)
	}
	if e.operations, e.access, err = e.cluster.Access(ctx, names...); err != nil {
		e.failed("topics.metadata", strings.Join(names, ", "), err)
		return false
	}
	var there []string
	for _, name := range names {
		if a := e.access[name]; a.Exists && a.Operations.May(broker.DescribeConfigs) {
			there = append(there, name)
		}
	}
	settings, refused, err := e.cluster.Configs(ctx, there, settingNames)
	if err != nil {
		e.failed("topics.settings", strings.Join(there, ", "), err)
		return false
	}
	for topic, err := range refused {
		e.failed("topics.settings", topic, err)
	}
	e.settings = settings
	for _, s := range e.Service.Sources {
		e.partitions = max(e.partitions, e.access[s.Topic].Partitions)
	}
	e.outputs, err = pipeline.Outputs(e.Service, max(e.partitions, 1))
	return err == nil
}

// mayUse looks at one topic's permissions, and says whether the rest is worth looking at.
func (e *examination) mayUse(topic string, operations map[broker.Operation]string) bool {
	a := e.access[topic]
	if broker.Denied(a.Err) {
		e.allow("access.topic", "topic "+topic, broker.Describe, "topic", topic, "the brokers do not even say whether it exists")
		return false
	}
	if a.Err != nil {
		e.failed("topics.metadata", topic, a.Err)
		return false
	}
	if !a.Exists {
		return true
	}
	for _, op := range []broker.Operation{broker.Read, broker.Write, broker.DescribeConfigs} {
		if why, needed := operations[op]; needed && !a.Operations.May(op) {
			e.allow("access.topic", "topic "+topic, op, "topic", topic, why)
		}
	}
	return true
}

// sources looks at each source.
func (e *examination) sources(ctx context.Context) {
	keyed := map[string]consumer.TopicInfo{}
	sample := e.Service
	sample.Sources = nil
	for _, s := range e.Service.Sources {
		if !e.mayUse(s.Topic, map[broker.Operation]string{broker.Read: "it is a source", broker.DescribeConfigs: "its timestamp type and retention decide how it is read"}) {
			continue
		}
		a := e.access[s.Topic]
		if !a.Exists {
			e.add("source.exists", Error, s.Topic, "kafka-topics.sh --create --topic "+s.Topic+" --config message.timestamp.type=LogAppendTime", "the topic does not exist")
			continue
		}
		e.source(s, a)
		if e.hasLeaders(ctx, s.Topic) && a.Operations.May(broker.Read) {
			e.beginning(ctx, s.Topic, a.Partitions)
			if s.KeyedByAccount {
				sample.Sources = append(sample.Sources, s)
				keyed[s.Topic] = consumer.TopicInfo{Name: s.Topic, Exists: true, Partitions: a.Partitions}
			}
		}
	}
	if len(sample.Sources) == 0 {
		return
	}
	problems, err := pipeline.SampleKeys(ctx, sample, keyed)
	if err != nil {
		e.failed("source.keys", "sources", err)
	}
	for _, p := range problems {
		e.add("source.keys", Error, "sources", "sources: [{topic: ..., keyed_by_account: false}], or write records with the account as key", "%v", p)
	}
	if err == nil && len(problems) == 0 {
		e.add("source.keys", Fine, "sources", "", "the first records of each partition of %d source(s) lie where their account belongs", len(sample.Sources))
	}
}

// source looks at a source's settings.
func (e *examination) source(s pipeline.Source, a broker.TopicAccess) {
	set := e.settings[s.Topic]
	if s.KeyedByAccount && a.Partitions != e.partitions {
		e.add("source.partitions", Note, s.Topic, "", "it has %d partitions and another source %d: its records are copied by account before they are counted", a.Partitions, e.partitions)
	}
	if set == nil {
		return
	}
	alter := "kafka-configs.sh --alter --entity-type topics --entity-name " + s.Topic + " --add-config "
	if set["message.timestamp.type"] != "LogAppendTime" {
		e.add("source.timestamps", Note, s.Topic, alter+"message.timestamp.type=LogAppendTime",
			"producers' clocks stamp its records, so they are copied before they are counted; with append times they need not be")
	}
	if strings.Contains(set["cleanup.policy"], "compact") {
		e.add("source.compacted", Warning, s.Topic, alter+"cleanup.policy=delete", "it is compacted: events with one key replace each other, and are lost for a rebuild from the log")
	}
	if !strings.Contains(set["cleanup.policy"], "delete") {
		return
	}
	ms, err := strconv.ParseInt(set["retention.ms"], 10, 64)
	if size := set["retention.bytes"]; size != "" && size != "-1" {
		e.add("source.retention", Warning, s.Topic, alter+"retention.bytes=-1", "it keeps %s bytes a partition: a checkpoint that is lost cannot be made again from it", size)
	} else if err == nil && ms >= 0 {
		e.add("source.retention", Warning, s.Topic, alter+"retention.ms=-1", "it keeps %s: a checkpoint that is lost cannot be made again from it",
			(time.Duration(min(ms, int64(1<<62/time.Millisecond))) * time.Millisecond))
	}
}

// hasLeaders looks for partitions that nobody leads.
func (e *examination) hasLeaders(ctx context.Context, topic string) bool {
	found, err := e.cluster.Topics(ctx, topic)
	if err != nil {
		e.failed("topics.metadata", topic, err)
		return false
	}
	least := -1
	for _, p := range found[topic].Partitions {
		if p.Leader < 0 {
			e.add("topics.leader", Error, topic, "start the brokers that hold it (kafka-topics.sh --describe --topic "+topic+")", "partition %d has no leader", p.ID)
			return false
		}
		if least < 0 || p.Replicas < least {
			least = p.Replicas
		}
	}
	if least == 1 && e.nodes > 1 {
		e.add("topics.replicas", Warning, topic, "kafka-reassign-partitions.sh, with three replicas", "it has one replica: with the disk of one broker records are gone")
	}
	return true
}

// beginning says whether a source has lost its first records.
func (e *examination) beginning(ctx context.Context, topic string, partitions int) {
	var all []broker.TopicPartition
	for p := range partitions {
		all = append(all, broker.TopicPartition{Topic: topic, Partition: int32(p)}) //nolint:gosec // a partition
	}
	starts, err := consumer.StartOffsets(ctx, e.cluster, all)
	if err != nil {
		e.failed("source.beginning", topic, err)
		return
	}
	ends, err := consumer.EndOffsets(ctx, e.cluster, all)
	if err != nil {
		e.failed("source.beginning", topic, err)
		return
	}
	records := int64(0)
	for _, tp := range all {
		records += ends[tp] - starts[tp]
		e.beginnings[topic] = e.beginnings[topic] || starts[tp] > 0
	}
	switch {
	case e.beginnings[topic]:
		e.add("source.beginning", Warning, topic, "keep the checkpoint, and back it up: it has the records that are gone", "it has lost its first records: only a checkpoint still has them")
	case records == 0:
		e.add("source.records", Note, topic, "", "it is empty")
	default:
		e.add("source.records", Fine, topic, "", "it holds %d offsets in %d partition(s), from its beginning on", records, partitions)
	}
}

// The least that outputs should have.
const (
	letterDays   = 7
	messageBytes = 1_000_000
)

// results looks at the topics that rows go to.
func (e *examination) results() {
	for _, s := range e.outputs {
		if !e.mayUse(s.Name, map[broker.Operation]string{
			broker.Write: "rows go there", broker.Read: "a start reads what it sent", broker.DescribeConfigs: "a start compares its cleanup.policy",
		}) {
			continue
		}
		a := e.access[s.Name]
		if !a.Exists {
			e.missing(s.Name, s.Create)
			continue
		}
		if s.Partitions > 0 && e.partitions > 0 && a.Partitions != s.Partitions {
			e.add("output.partitions", Error, s.Name, "processor rescale --config FILE, or recreate it with --partitions "+strconv.Itoa(s.Partitions), "it has %d partitions and the sources %d", a.Partitions, s.Partitions)
		}
		if set := e.settings[s.Name]; set != nil {
			e.output(s.Name, s.Configs, set)
		}
	}
}

func (e *examination) missing(topic string, create bool) {
	switch {
	case !create:
		e.add("output.exists", Error, topic, "output.create_topics: true, or create it: processor run names the command", "it does not exist, and output.create_topics is false")
	case !e.operations.May(broker.Create):
		// A permission on the topic's name alone would do, and cannot be asked about.
		e.add("access.create", Warning, topic, broker.AllowCommand(e.User, broker.Create, "topic", topic), "it does not exist, and this login may not create topics in the cluster at large; permission for its name is enough, and does not show")
	default:
		e.add("output.exists", Note, topic, "", "it does not exist yet: the first start creates it")
	}
}

// output compares settings with those that it would be created with.
func (e *examination) output(topic string, want, set map[string]string) {
	alter := "kafka-configs.sh --alter --entity-type topics --entity-name " + topic + " --add-config "
	has := strings.Split(set["cleanup.policy"], ",")
	if slices.Sort(has); !slices.Equal(has, []string{want["cleanup.policy"]}) {
		e.add("output.cleanup", Error, topic, alter+"cleanup.policy="+want["cleanup.policy"], "its cleanup.policy is %s, %s is needed: rows would be lost, or it would grow for ever", set["cleanup.policy"], want["cleanup.policy"])
	}
	if set["message.timestamp.type"] != want["message.timestamp.type"] {
		e.add("output.timestamps", Warning, topic, alter+"message.timestamp.type="+want["message.timestamp.type"], "this machine's clock stamps its records: a wrong clock has them refused, or drops them early")
	}
	if n, err := strconv.ParseInt(set["max.message.bytes"], 10, 64); err == nil && n < messageBytes {
		e.add("output.bytes", Error, topic, alter+"max.message.bytes=1048588", "it takes batches of %d bytes, %d are sent", n, messageBytes)
	}
	if n, err := strconv.Atoi(set["min.insync.replicas"]); err == nil && e.nodes > 0 && n > e.nodes {
		e.add("output.insync", Error, topic, alter+"min.insync.replicas="+strconv.Itoa(max(1, e.nodes-1)), "it wants %d replicas in sync of %d brokers: nothing can be written", n, e.nodes)
	}
	if ms, err := strconv.ParseInt(set["retention.ms"], 10, 64); err == nil && want["cleanup.policy"] == "delete" && ms >= 0 && ms < letterDays*24*int64(time.Hour/time.Millisecond) {
		e.add("output.retention", Warning, topic, alter+"retention.ms=2592000000", "dead letters are kept for %s only: what is not sent back by then is gone", time.Duration(ms)*time.Millisecond)
	}
}
