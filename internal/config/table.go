package config

import (
	"time"

	"processor/internal/event/format"
)

// key is one row of the table: everything the program knows about one setting. The type behind
// field (or ofSource) decides how a value is read, checked, printed and described.
type key struct {
	path    string
	doc     string
	initial string   // the default as it would be written; empty: none
	words   []string // the closed set of values, if it is one
	check   check    // what a text must look like besides
	least   int64    // bounds of a number, a count of bytes, or a duration
	most    int64    //
	example string   // for the reference, where there is no default
	repeats bool     // a list may have one text twice

	field    func(*Config) any // nil: a part that does not exist yet
	ofSource func(*Source) any // instead of field, for the keys of one source
}

// check looks at a text and says what is wrong, or "".
type check func(text string) string

// sections of the file that every command reads. `run` reads the others too; to `replay` they
// are somebody else's, so it looks only for unknown keys there. Limits are among them because
// they decide which events are rejected, and so change rows.
var everyCommandReads = []string{"reporting", "rules", "groupings", "values", "windows", "targets", "signals", "limits"}

// runNeeds are the keys without a usable default.
var runNeeds = []string{"kafka.brokers", "group", "sources"}

// keys is the table, in the order of the documentation.
var keys = []key{
	{
		path: "kafka.brokers", example: "[localhost:9092]", check: checkBroker,
		doc:   "Brokers to start from, as host:port. Needed by `run`.",
		field: func(c *Config) any { return &c.Kafka.Brokers },
	},
	{
		path: "kafka.client_id", initial: "expansion", check: checkName,
		doc:   "Name under which the brokers see this program, in their logs and quotas.",
		field: func(c *Config) any { return &c.Kafka.ClientID },
	},
	{
		path: "kafka.tls.enabled", initial: "false",
		doc:   "Encrypt the connections to the brokers (TLS 1.2 or newer).",
		field: func(c *Config) any { return &c.Kafka.TLS.Enabled },
	},
	{
		path: "kafka.tls.ca_file", example: "/etc/kafka/ca.pem",
		doc:   "Authorities that sign the brokers' certificates, as PEM; the system's when absent.",
		field: func(c *Config) any { return &c.Kafka.TLS.CAFile },
	},
	{
		path: "kafka.tls.cert_file", example: "/etc/kafka/client.pem",
		doc:   "Client certificate as PEM, together with `key_file`.",
		field: func(c *Config) any { return &c.Kafka.TLS.CertFile },
	},
	{
		path: "kafka.tls.key_file", example: "/etc/kafka/client.key",
		doc:   "Private key of `cert_file` as PEM.",
		field: func(c *Config) any { return &c.Kafka.TLS.KeyFile },
	},
	{
		path: "kafka.tls.server_name", example: "kafka.internal",
		doc:   "Name that the brokers' certificates must carry; the host of each broker when absent.",
		field: func(c *Config) any { return &c.Kafka.TLS.ServerName },
	},
	{
		path: "kafka.tls.insecure_skip_verify", initial: "false",
		doc:   "Accept any certificate. Anyone on the way can then read and change everything.",
		field: func(c *Config) any { return &c.Kafka.TLS.InsecureSkipVerify },
	},
	{
		path: "kafka.sasl.mechanism", words: []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"}, example: "scram-sha-512",
		doc:   "How to log in at the brokers; no login when absent.",
		field: func(c *Config) any { return &c.Kafka.SASL.Mechanism },
	},
	{
		path: "kafka.sasl.username", example: "expansion",
		doc:   "User name, with plain and scram.",
		field: func(c *Config) any { return &c.Kafka.SASL.Username },
	},
	{
		path: "kafka.sasl.password", example: "${file:/run/secrets/kafka}",
		doc:   "Password, with plain and scram. Never printed.",
		field: func(c *Config) any { return &c.Kafka.SASL.Password },
	},
	{
		path: "kafka.sasl.password_file", example: "/run/secrets/kafka",
		doc:   "File that holds the password, instead of `password`. It is read at each login, so a changed password needs no restart.",
		field: func(c *Config) any { return &c.Kafka.SASL.PasswordFile },
	},
	{
		path: "kafka.sasl.oauth.token_file", example: "/run/secrets/kafka-token",
		doc:   "With oauthbearer: a file that holds the token, which something else renews. It is read at each login.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.TokenFile },
	},
	{
		path: "kafka.sasl.oauth.token_command", example: "[/usr/local/bin/kafka-token, --audience, kafka]", repeats: true,
		doc: "With oauthbearer: a program, with its arguments, that prints the token. It has 30 s, and is run again shortly before the token ends " +
			"(by its `exp`), or at each login where the token does not say.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.TokenCommand },
	},
	{
		path: "kafka.sasl.oauth.token_url", example: "https://login.example.com/oauth2/token", check: checkTokenURL,
		doc:   "With oauthbearer: the token endpoint of an identity provider, asked with the client credentials below.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.TokenURL },
	},
	{
		path: "kafka.sasl.oauth.client_id", example: "expansion",
		doc:   "Client id, with `token_url`.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.ClientID },
	},
	{
		path: "kafka.sasl.oauth.client_secret", example: "${file:/run/secrets/oauth}",
		doc:   "Client secret, with `token_url`. Never printed.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.ClientSecret },
	},
	{
		path: "kafka.sasl.oauth.client_secret_file", example: "/run/secrets/oauth",
		doc:   "File that holds the client secret, instead of `client_secret`. It is read for each token.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.ClientSecretFile },
	},
	{
		path: "kafka.sasl.oauth.scope", example: "kafka.read kafka.write",
		doc:   "Scopes to ask for, with `token_url`, separated by spaces.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.Scope },
	},
	{
		path: "kafka.sasl.oauth.extensions", example: `["logicalCluster=lkc-1", "identityPoolId=pool-1"]`, check: checkExtension,
		doc:   "With oauthbearer: what some clusters want beside the token (KIP-342), as NAME=VALUE.",
		field: func(c *Config) any { return &c.Kafka.SASL.OAuth.Extensions },
	},

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
		doc:   "Schema registry of the sources in `avro` or `json-schema`, which need it.",
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
		doc:   "Longest wait for one answer. Without an answer records wait, and none is rejected.",
		field: func(c *Config) any { return &c.Registry.Timeout },
	},
	{
		path: "schema_registry.schemas_max", initial: "1000", least: 1, most: 100_000,
		doc:   "Schemas that are kept in memory; beyond it the one that was not used for longest is asked for again.",
		field: func(c *Config) any { return &c.Registry.SchemaMax },
	},

	{
		path: "output.prefix", initial: "expansion.", check: checkPrefix,
		doc:   "Beginning of the name of every topic that rows go to.",
		field: func(c *Config) any { return &c.Output.Prefix },
	},
	{
		path: "output.format", initial: "json", words: []string{"json", "connect-json", "avro"},
		doc:   "Encoding of rows.",
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

	{
		path: "reporting.currency", initial: "USD", check: checkCurrency,
		doc:   "Currency of every amount in rows (ISO 4217).",
		field: func(c *Config) any { return &c.Reporting.Currency },
	},
	{
		path: "reporting.time_zone", initial: "UTC", example: "America/New_York",
		doc:   "Zone whose midnights bound days, weeks, months, quarters and years.",
		field: func(c *Config) any { return &c.Reporting.TimeZone },
	},
	{
		path: "reporting.rates", example: `[{EUR: "1.08"}, {from: 2026-01-01, EUR: "1.10"}]`,
		doc: "Tables of what one unit of a currency is worth in the reporting currency, each from a " +
			"local date until the next; the one without `from` comes first and serves all earlier instants. " +
			"Positive decimals, up to 18 fractional digits. A later table keeps every currency of the one before.",
		field: func(c *Config) any { return &c.Reporting.Rates },
	},
	{
		path: "reporting.start", example: "2025-02-01",
		doc: "Local date up to whose first instant (included) everything booked is the imported base: " +
			"opening, never new or expansion.",
		field: func(c *Config) any { return &c.Reporting.Start },
	},
	{
		path: "reporting.fiscal_year_start", initial: "1", least: 1, most: 12,
		doc:   "Number of the month in which the fiscal year and its first quarter begin.",
		field: func(c *Config) any { return &c.Reporting.FiscalYearStart },
	},

	{
		path: "rules.coalesce", initial: "60m", most: int64(day),
		doc:   "Changes of an account less than this after the first of them are one change; 0m: none but simultaneous ones.",
		field: func(c *Config) any { return &c.Rules.Coalesce },
	},
	{
		path: "rules.day_factor", initial: "365/12", words: []string{"365/12", "365.25/12", "30"},
		doc:   "Days in a month, for prices per day.",
		field: func(c *Config) any { return &c.Rules.DayFactor },
	},
	{
		path: "rules.reactivation", initial: "reactivation", words: []string{"reactivation", "expansion"},
		doc:   "Class of a paying account that returns after churn.",
		field: func(c *Config) any { return &c.Rules.Reactivation },
	},
	{
		path: "rules.reactivation_within", example: "90d", least: 1, most: int64(36500 * day),
		doc:   "A return later than this after churn is new; no limit when absent.",
		field: func(c *Config) any { return &c.Rules.ReactivationWithin },
	},
	{
		path: "rules.past_due_for", example: "30d", least: 1, most: int64(36500 * day),
		doc:   "A subscription past due for longer than this is dropped; never when absent.",
		field: func(c *Config) any { return &c.Rules.PastDueFor },
	},
	{
		path: "rules.usage", initial: "normalised", words: []string{"normalised", "raw", "invoice_month", "exclude"},
		doc:   "How a month's usage becomes recurring revenue: normalised to 30.4375 days, or as billed (raw).",
		field: func(c *Config) any { return &c.Rules.Usage },
	},
	{
		path: "rules.usage_grace", initial: "12h", most: int64(31 * day),
		doc:   "How long after a month's end its usage is waited for before rows are final.",
		field: func(c *Config) any { return &c.Rules.UsageGrace },
	},
	{
		path: "rules.lateness", initial: "10m", most: int64(35 * day),
		doc:   "How far the watermark stays behind the latest event: what arrives within it restates nothing.",
		field: func(c *Config) any { return &c.Rules.Lateness },
	},

	{
		path: "groupings", example: "[[region], [plan_tier, region]]",
		doc: "Lists of 1 to 4 dimensions to split metrics by: account attributes, `cohort`, and `product_family` and " +
			"`motion`, which split only the up_ and down_ amounts. `all` is always there.",
		field: func(c *Config) any { return &c.Groupings },
	},
	{
		path: "values", example: "{region: [eu, us]}",
		doc: "Of a dimension, the values that are told apart: every other counts as `(other)`, a missing one stays " +
			"`(none)`. All values are told apart where a dimension is not named.",
		field: func(c *Config) any { return &c.Values },
	},
	{
		path: "windows", initial: "[1h, 24h, 7d, 30d, 90d, 365d]", words: windowNames(),
		doc:   "Rolling intervals that metrics are kept for.",
		field: func(c *Config) any { return &c.Windows },
	},

	{
		path: "targets", example: `[{month: 2026-03, expansion_mrr: "25000"}, {grouping: region, segment: eu, month: 2026-03, expansion_mrr: "9000"}]`,
		doc: "Planned expansion MRR of segments in months, shown as `target` and `target_ratio` (expansion_mrr / target) " +
			"in their rows. A quarter or year has the sum where all its months have one. Without grouping and segment: `all`.",
		field: func(c *Config) any { return &c.Targets },
	},
	{
		path: "signals.thresholds", initial: "[80, 100]", least: 1, most: 1000,
		doc:   "Percent of a line's limit, or of the seats bought, at which usage, or the seats in use, are a signal.",
		field: func(c *Config) any { return &c.Signals.Thresholds },
	},
	{
		path: "signals.within", initial: "90d", least: int64(day), most: int64(180 * day),
		doc:   "How long after a signal a movement that matches it converts it; it is missed after that.",
		field: func(c *Config) any { return &c.Signals.Within },
	},
	{
		path: "signals.seat_block", initial: "1", least: 1, most: 100_000,
		doc:   "How many seats are sold at once: the potential of a signal of seats is the price of so many more.",
		field: func(c *Config) any { return &c.Signals.SeatBlock },
	},
	{
		path: "signals.at_least", initial: "{health: 80, nps: 9, team_growth: 1}", example: "{nps: 8, logins: 20}", most: 1_000_000_000,
		doc: "The least value with which an observation of that name is a signal; for `health`, to what it must rise. Others are signals with any " +
			"value, or none. A name that is not given keeps its default.",
		field: func(c *Config) any { return &c.Signals.AtLeast },
	},
	{
		path: "signals.converts", example: "{feature_request: [add_on, cross_sell]}",
		initial: "{feature_adopted: [upsell, cross_sell, add_on, feature_adoption], feature_request: [upsell, cross_sell, add_on, feature_adoption], " +
			"other: [seat, upsell, cross_sell, add_on, usage, geographic, feature_adoption, other], seats: [seat, upsell], team_growth: [seat, upsell], " +
			"usage: [seat, upsell, add_on, usage]}",
		doc: "The types of expansion that convert a signal of that name; `other` stands for every name that is not listed. A name that is not given " +
			"keeps its default.",
		field: func(c *Config) any { return &c.Signals.Converts },
	},
	{
		path: "signals.weights", example: "{usage: 50, seats: 50, milestone: 0}", most: 1_000_000,
		initial: "{feature_adopted: 10, feature_request: 10, health: 10, milestone: 5, seats: 25, team_growth: 10, usage: 30}",
		doc:     "What each signal counts in `readiness_index`; 0 leaves it out. A name that is not given keeps its default.",
		field:   func(c *Config) any { return &c.Signals.Weights },
	},
	{
		path: "signals.gate.health_below", initial: "50", most: 100,
		doc:   "An account with less health than this is `gated`.",
		field: func(c *Config) any { return &c.Signals.Gate.HealthBelow },
	},
	{
		path: "signals.gate.onboarding", initial: "30d", most: int64(365 * day),
		doc:   "So long after an account first paid, or its lifecycle became `onboarding`, it is `gated`; 0s: not for that.",
		field: func(c *Config) any { return &c.Signals.Gate.Onboarding },
	},
	{
		path: "signals.gate.usage_fall", initial: "20", most: 100,
		doc:   "An account of which an item's usage over 30 days is lower than over the 30 before by more than so many percent is `gated`; 0: not for that.",
		field: func(c *Config) any { return &c.Signals.Gate.UsageFall },
	},
	{
		path: "alerts", example: `[default, {name: enterprise-seats, grouping: "plan_tier", segments: [enterprise], type: seat, interval: 30d, threshold: 30%, for: 12h, min_base: "50000"}]`,
		doc: "Rules that watch for a slowdown of expansion, each with `name` and `threshold` (a fall in percent, on which the alert begins) and, where the " +
			"defaults do not fit: `metric` (expansion_mrr), `type` of expansion (all), `grouping` (all), `segments` (all), `interval` (30d: a window, or the last " +
			"complete day, week, month, quarter or year), `comparison` (previous, or trailing_mean with `of`, or target with `target`), `clear` (half the threshold), " +
			"`for` (6h), `min_base` (0, opening MRR), `severity` (warning), `silent_after` (24h; 0s: never). The item `default` stands for the rules that " +
			"`processor rules default` prints. See docs/how-to/alerts.md.",
		field: func(c *Config) any { return &c.Alerts },
	},
	{
		path: "notify.webhook.url", example: "${file:/run/secrets/alert-webhook}", check: checkTarget,
		doc:   "Where a change of an alert's state is posted as JSON. Never printed: such addresses are secrets.",
		field: func(c *Config) any { return &c.Notify.Webhook.URL },
	},
	{
		path: "notify.webhook.authorization", example: "Bearer ${ALERT_TOKEN}",
		doc:   "Header `Authorization` of these requests. Never printed.",
		field: func(c *Config) any { return &c.Notify.Webhook.Authorization },
	},
	{
		path: "notify.alertmanager.urls", example: "[http://alertmanager:9093]", check: checkTarget,
		doc:   "Alertmanagers (API v2) that are told of every alert that fires, and of its end; all of them, as Alertmanager's own clusters want it.",
		field: func(c *Config) any { return &c.Notify.Alertmanager.URLs },
	},
	{
		path: "notify.alertmanager.authorization", example: "Bearer ${file:/run/secrets/alertmanager}",
		doc:   "Header `Authorization` of these requests. Never printed.",
		field: func(c *Config) any { return &c.Notify.Alertmanager.Authorization },
	},
	{
		path: "notify.resend_interval", initial: "1m", least: int64(time.Second), most: int64(time.Hour),
		doc:   "How often an Alertmanager is told again of an alert that fires; one that hears nothing for four times as long takes it as resolved.",
		field: func(c *Config) any { return &c.Notify.ResendInterval },
	},

	{
		path: "http.address", initial: "127.0.0.1:8080", check: checkAddress,
		doc: "Address of the API, probes, metrics and dashboard. Beyond loopback it needs authentication by `web_config_file`, " +
			"or `insecure`.",
		field: func(c *Config) any { return &c.HTTP.Address },
	},
	{
		path: "http.insecure", initial: "false",
		doc:   "Allow an address beyond loopback although anyone who reaches it can read everything.",
		field: func(c *Config) any { return &c.HTTP.Insecure },
	},
	{
		path: "http.web_config_file", example: "/etc/processor/web.yml",
		doc: "Certificate, users, tokens and limits of the HTTP server: the web configuration file of Prometheus' exporters, and two keys more " +
			"(docs/how-to/tls-and-auth.md). It is read again when it changes.",
		field: func(c *Config) any { return &c.HTTP.WebConfigFile },
	},
	{
		path: "http.advertise", example: "http://${POD_NAME}.processor:8080", check: checkAdvertised,
		doc: "Address at which readers reach this instance. Questions about accounts of another instance are led to that one's (307). " +
			"With `instance.count`, `{ordinal}` stands for an instance's number.",
		field: func(c *Config) any { return &c.HTTP.Advertise },
	},
	{
		path: "http.debug_address", example: "127.0.0.1:6060", check: checkAddress,
		doc:   "Loopback address of /debug/pprof/, for admins of `web_config_file`; there is none when absent.",
		field: func(c *Config) any { return &c.HTTP.DebugAddress },
	},
	{
		path: "http.max_connections", initial: "512", least: 16, most: 65_535,
		doc:   "Most connections that may be open; the next ones wait.",
		field: func(c *Config) any { return &c.HTTP.MaxConnections },
	},
	{
		path: "http.max_streams", initial: "256", least: 1, most: 65_000,
		doc:   "Most event streams, that is open dashboards; the next ones are refused (503). At least 16 fewer than `max_connections`.",
		field: func(c *Config) any { return &c.HTTP.MaxStreams },
	},
	{path: "http.tls", doc: "Certificate of the HTTP server."},
	{path: "http.auth", doc: "Who may read."},

	{
		path: "log.level", initial: "info", words: []string{"debug", "info", "warn", "error"},
		doc:   "Least severity that is logged.",
		field: func(c *Config) any { return &c.Log.Level },
	},
	{
		path: "log.format", initial: "auto", words: []string{"auto", "text", "json"},
		doc:   "auto: text on a terminal, JSON otherwise.",
		field: func(c *Config) any { return &c.Log.Format },
	},

	{
		path: "limits.max_record_bytes", initial: "1MiB", least: 1 << 10, most: 64 << 20,
		doc:   "Largest record that is decoded; a larger one is rejected as too_large.",
		field: func(c *Config) any { return bytesField{&c.Limits.MaxRecordBytes} },
	},
	{
		path: "limits.max_depth", initial: "32", least: 4, most: 1000,
		doc:   "Deepest nesting of a record, itself being 1; a deeper one is rejected as too_deep.",
		field: func(c *Config) any { return &c.Limits.MaxDepth },
	},
	{
		path: "limits.max_items", initial: "1000", least: 1, most: 65_535,
		doc:   "Most items of one subscription; more are rejected as too_large.",
		field: func(c *Config) any { return &c.Limits.MaxItems },
	},
	{
		path: "limits.max_account_bytes", initial: "16MiB", least: 1 << 16, most: 1 << 30,
		doc:   "Most bytes that the kept records of one account take; an event beyond it is rejected as account_too_large.",
		field: func(c *Config) any { return bytesField{&c.Limits.MaxAccountBytes} },
	},
	{
		path: "limits.open_account_bytes", initial: "512MiB", least: 1 << 20, most: 1 << 40,
		doc: "Memory, about, of the accounts that are ready to be worked on. Those beyond it that are at rest are kept at a tenth of their size, and take " +
			"longer when an event comes for them. It changes no figure.",
		field: func(c *Config) any { return bytesField{&c.Limits.OpenAccountBytes} },
	},
}

// bytesField marks a number that may be written with KiB, MiB or GiB.
type bytesField struct{ n *int }
