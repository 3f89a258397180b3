package config

import (
	"time"
)

// outputKeys are those of where rows and state go.
var outputKeys = []key{
	{
		path: "output.prefix", initial: "expansion.", check: checkPrefix,
		doc:   "Beginning of the name of every topic that rows go to.",
		field: func(c *Config) any { return &c.Output.Prefix },
	},
	{
		path: "output.format", initial: "json", words: []string{"json", "connect-json", "avro"},
		doc: "Form of the rows for readers (docs/how-to/warehouse.md): `json`; `connect-json`, which Kafka Connect's JsonConverter reads, with the schema in every record; " +
			"`avro`, in Confluent's wire format, with the schemas in the `schema_registry`, which it needs. Keys have the same form. Dead letters keep the bytes of the record, " +
			"and what only the program reads is no row. The rows of a topic have one form: another one needs another `output.prefix`, `group` and checkpoint.",
		field: func(c *Config) any { return &c.Output.Format },
	},
	{
		path: "output.create_topics", initial: "true",
		doc:   "Create the topics that are missing; otherwise a missing one is an error at start.",
		field: func(c *Config) any { return &c.Output.CreateTopics },
	},
	{
		path: "output.replication", initial: "0", most: 32,
		doc:   "Replicas of a topic that is created; 0 is the cluster's own default.",
		field: func(c *Config) any { return &c.Output.Replication },
	},
	{
		path: "output.delivery", initial: "exactly_once", words: []string{"at_least_once", "exactly_once"},
		doc:   "What readers may meet after a crash: a row again under a higher version and half a flush, or, if they read committed records, every flush once and whole (one transaction a shard and flush).",
		field: func(c *Config) any { return &c.Output.Delivery },
	},
	{
		path: "output.flush_interval", initial: "250ms", least: int64(time.Millisecond), most: int64(time.Minute),
		doc:   "Longest wait between a change and its row. Far behind the ends of the logs, by more than 20,000 records, it is at least 2 seconds: rows are old there anyway, and fewer of them are made.",
		field: func(c *Config) any { return &c.Output.FlushInterval },
	},
	{
		path: "output.metrics_interval", initial: "1s", least: int64(time.Millisecond), most: int64(time.Hour),
		doc:   "At most one row per key and interval in `metrics` and `accounts`.",
		field: func(c *Config) any { return &c.Output.MetricsInterval },
	},
	{
		path: "output.tombstones", initial: "false",
		doc:   "Follow a row with `deleted: true` by a tombstone, for sinks that delete by it.",
		field: func(c *Config) any { return &c.Output.Tombstones },
	},

	{
		path: "checkpoint.store", initial: "dir", words: []string{"dir", "kafka"},
		doc:   "Where state is kept between restarts: `dir`, a directory of one process, or `kafka`, the topic `state`, from which any instance of the group can go on.",
		field: func(c *Config) any { return &c.Checkpoint.Store },
	},
	{
		path: "checkpoint.dir", initial: "./state",
		doc:   "Directory of the store `dir`; one process owns it.",
		field: func(c *Config) any { return &c.Checkpoint.Dir },
	},
	{
		path: "checkpoint.interval", initial: "10s", least: int64(100 * time.Millisecond), most: int64(time.Hour),
		doc:   "Longest time between checkpoints: what a restart reads again.",
		field: func(c *Config) any { return &c.Checkpoint.Interval },
	},

	{
		path: "instance.count", initial: "1", least: 1, most: 10_000,
		doc: "How many instances share the partitions by their ordinals, for the store `dir`: partition n belongs to the instance n modulo this. " +
			"With 1 the group shares them out. It may change only while all instances are stopped.",
		field: func(c *Config) any { return &c.Instance.Count },
	},
	{
		path: "instance.ordinal", initial: "auto", check: checkOrdinal,
		doc:   "Which of `instance.count` this one is, from 0; `auto` is the number at the end of the host's name, as a StatefulSet gives it.",
		field: func(c *Config) any { return &c.Instance.Ordinal },
	},
	{
		path: "instance.name", example: "${POD_NAME}", check: checkName,
		doc: "A name that no other running instance of the group has, such as a StatefulSet pod's: a restart under it takes its partitions over at once, " +
			"instead of after the group's session (10 s). The store `dir` has one of its own, in its directory, when this is absent.",
		field: func(c *Config) any { return &c.Instance.Name },
	},
}
