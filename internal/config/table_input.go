package config

import (
	"time"

	"processor/internal/event/format"
)

// inputKeys are those of what is read.
var inputKeys = []key{
	{
		path: "group", example: "expansion", check: checkName,
		doc:   "Consumer group: instances with the same group share the work. Needed by `run`.",
		field: func(c *Config) any { return &c.Group },
	},
	{
		path: "sources", example: "[{topic: billing.events, format: native, keyed_by_account: true}]",
		doc:   "Topics that events come from, each with the keys below. Needed by `run`.",
		field: func(c *Config) any { return &c.Sources },
	},
	{
		path: "sources[].topic", example: "billing.events", check: checkTopic,
		doc:      "Name of the topic. Needed in each source.",
		ofSource: func(s *Source) any { return &s.Topic },
	},
	{
		path: "sources[].format", initial: "native",
		words: format.Names(),
		doc: "Form of its records. What is not native is decoded and copied by account into the topic `events` (docs/how-to): `stripe` events, `debezium` change events, " +
			"`openmeter` usage, any JSON by a `mapping`, `avro` and `json-schema` with a `schema_registry`. `auto` looks at the first records at each start, and " +
			"refuses a topic that is empty or not clear.",
		ofSource: func(s *Source) any { return &s.Format },
	},
	{
		path: "sources[].keyed_by_account", initial: "false",
		doc: "Whether each record's key is the account id, under the Java client's partitioner. Where it is not, records " +
			"are copied by account into the topic `events` before they are counted; so are those of topics without " +
			"`message.timestamp.type=LogAppendTime` or with another number of partitions than the rest.",
		ofSource: func(s *Source) any { return &s.KeyedByAccount },
	},
	{
		path: "sources[].mapping", example: "{meters: {api_requests: mtr_1}}",
		doc: "What the format leaves open, in its own keys: rules from paths to native fields (docs/how-to/mapping.md), tables (docs/how-to/debezium.md), " +
			"meters (docs/how-to/stripe.md, docs/how-to/openmeter.md). A change of it counts for records that are copied from then on.",
		ofSource: func(s *Source) any { return &s.Mapping },
	},

	{
		path: "schema_registry.url", example: "https://registry.internal:8081", check: checkURL,
		doc:   "Schema registry of the sources in `avro` or `json-schema`, and of rows in `avro`, which need it.",
		field: func(c *Config) any { return &c.Registry.URL },
	},
	{
		path: "schema_registry.username", example: "expansion",
		doc:   "User name for it, or the key of an API.",
		field: func(c *Config) any { return &c.Registry.Username },
	},
	{
		path: "schema_registry.password", example: "${file:/run/secrets/registry}",
		doc:   "Password with `username`. Never printed; sent over https only, or to this machine.",
		field: func(c *Config) any { return &c.Registry.Password },
	},
	{
		path: "schema_registry.ca_file", example: "/etc/registry/ca.pem",
		doc:   "Authorities that sign its certificate, as PEM; the system's when absent.",
		field: func(c *Config) any { return &c.Registry.CAFile },
	},
	{
		path: "schema_registry.timeout", initial: "5s", least: int64(100 * time.Millisecond), most: int64(time.Minute),
		doc:   "Longest wait for one answer. Without an answer records and rows wait, and none is rejected or lost.",
		field: func(c *Config) any { return &c.Registry.Timeout },
	},
	{
		path: "schema_registry.schemas_max", initial: "1000", least: 1, most: 100_000,
		doc:   "Schemas that are kept in memory; beyond it the one that was not used for longest is asked for again.",
		field: func(c *Config) any { return &c.Registry.SchemaMax },
	},
}
