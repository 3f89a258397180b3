package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// mistakes are files with one fault each, at the mark, and the whole message about it. Cases that
// begin with + stand after what run needs.
var mistakes = []struct{ text, want string }{
	// The form of the file.
	{"a: §b: c", `is not YAML: mapping value is not allowed in this context`},
	{"group: §\"open\nlog: {}", `is not YAML: could not find end character of double-quoted text`},
	{"log: {level: $§{LEVEL}}", `is not YAML: ',' or '}' must be specified (a ${...} between { and } or [ and ] needs quotes)`},
	{"§group: \xff", `is not UTF-8 text`},
	{"log:\n§  level: " + strings.Repeat("[", 40), `more than 32 brackets or lists are open`},
	{"# " + strings.Repeat("- [", 40) + "\n§" + strings.Repeat("- ", 40), `more than 32 brackets or lists are open`},
	{"§- a\n- b", `must be a mapping with some of the keys kafka, group, sources, schema_registry, output, checkpoint, instance, reporting, rules, groupings, values, windows, targets, signals, alerts, notify, http, log, limits`},
	{"+---\n§group: h\n", `a second document: one file is one configuration`},
	{"+log: {level: info}\n§log: {level: warn}", `key "log" stands twice, first at line 4`},
	{"+log: §&l {level: info}", `anchors, aliases, merges and tags are not supported`},
	{"+log: {level: §!!str info}", `anchors, aliases, merges and tags are not supported`},
	{"+§? log\n: {}", `only plain words may be keys`},

	// Keys.
	{"+§lgo: {level: info}", `unknown key "lgo"; did you mean "log"?`},
	{"+§brokers: [a:1]", `unknown key "brokers"; did you mean "kafka.brokers"?`},
	{"+log: {§colour: red}", `log: unknown key "colour"; known here: level, format`},
	{"+rules: {§reactivation_witin: 90d}", `rules: unknown key "reactivation_witin"; did you mean "reactivation_within"?`},
	{"+log: §info", `log: must be a mapping with some of the keys level, format`},
	{"+log: §[level]", `log: must be a mapping with some of the keys level, format`},
	{"+log: {§level: }", `log.level: has no value; leave the key out to use the default`},
	{"+log: {level: §''}", `log.level: must not be empty`},
	{"+log: {level: §[info]}", `log.level: must be a single value`},

	// What is missing or does not fit together.
	{"§kafka: {brokers: [\"a:1\"]}\nsources: [{topic: t}]", `group: is missing; run needs it`},
	{"§group: g\nsources: [{topic: t}]", `kafka.brokers: is missing; run needs it`},
	{"§kafka: {brokers: [\"a:1\"]}\ngroup: g", `sources: is missing; run needs it`},
	{"kafka: {brokers: §[]}\ngroup: g\nsources: [{topic: t}]", `kafka.brokers: must not be empty`},
	{"kafka: {brokers: §\"a:1\"}\ngroup: g\nsources: [{topic: t}]", `kafka.brokers: must be a list such as [localhost:9092], not "a:1"`},
	{"kafka: {brokers: [§kafka]}\ngroup: g\nsources: [{topic: t}]", `kafka.brokers: must be host:port such as kafka-1:9092, not "kafka"`},
	{"kafka: {brokers: [\"a:1\", §\"a:1\"]}\ngroup: g\nsources: [{topic: t}]", `kafka.brokers: "a:1" stands twice`},
	{"kafka: {brokers: [§\"u:p@a:1\"]}\ngroup: g\nsources: [{topic: t}]", `kafka.brokers: must be host:port such as kafka-1:9092, not ***`},
	{kafkaWith("tls: {ca_file: §/nowhere}"), `kafka.tls.ca_file: has no effect unless kafka.tls.enabled is true`},
	{kafkaWith("tls: {enabled: true, ca_file: §/nowhere}"), `kafka.tls.ca_file: cannot be read: no such file or directory`},
	{kafkaWith("tls: {enabled: true, cert_file: §/nowhere}"), `kafka.tls.cert_file: needs kafka.tls.key_file too`},
	{kafkaWith("tls: {enabled: true, key_file: §/nowhere}"), `kafka.tls.key_file: needs kafka.tls.cert_file too`},
	{kafkaWith("tls: {enabled: §maybe}"), `kafka.tls.enabled: must be true or false, not "maybe"`},
	{kafkaWith("sasl: {mechanism: §scram-sha-265}"), `kafka.sasl.mechanism: unknown value "scram-sha-265"; did you mean "scram-sha-256"?`},
	{kafkaWith("sasl: {mechanism: §gssapi}"), `kafka.sasl.mechanism: unknown value "gssapi"; use plain, scram-sha-256, scram-sha-512 or oauthbearer`},
	{kafkaWith("sasl: {mechanism: §plain, username: u}"), `kafka.sasl.password: is missing; plain needs it (or password_file)`},
	{kafkaWith("sasl: {mechanism: §scram-sha-256, password: p}"), `kafka.sasl.username: is missing; scram-sha-256 needs it`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: p, password_file: §/nowhere}"), `kafka.sasl.password_file: stands beside password: leave out one of them`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password_file: §/nowhere}"), `kafka.sasl.password_file: cannot be read: no such file or directory`},
	{kafkaWith("sasl: {password_file: §/nowhere}"), `kafka.sasl.password_file: has no effect without kafka.sasl.mechanism`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: p, oauth: {scope: §s}}"), `kafka.sasl.oauth.scope: has no effect with kafka.sasl.mechanism: plain`},
	{kafkaWith("sasl: {mechanism: §oauthbearer}"), `kafka.sasl.oauth: is missing; oauthbearer needs one of token_file, token_command or token_url in it`},
	{bearerWith("token_file: §/nowhere"), `kafka.sasl.oauth.token_file: cannot be read: no such file or directory`},
	{kafkaWith("sasl: {mechanism: oauthbearer, username: §u, oauth: {token_command: [x]}}"), `kafka.sasl.username: has no effect with kafka.sasl.mechanism: oauthbearer`},
	{bearerWith("token_command: [x], token_url: §\"https://a/t\", client_id: c, client_secret: s"), `kafka.sasl.oauth.token_url: stands beside token_command: tokens come from one place`},
	{bearerWith("token_command: §[]"), `kafka.sasl.oauth.token_command: must not be empty`},
	{bearerWith("token_command: §kafka-token"), `kafka.sasl.oauth.token_command: must be a list such as [/usr/local/bin/kafka-token, --audience, kafka], not "kafka-token"`},
	{bearerWith("token_command: [x], client_id: §c"), `kafka.sasl.oauth.client_id: has no effect without kafka.sasl.oauth.token_url`},
	{bearerWith("token_url: §\"https://a/t\", client_secret: s"), `kafka.sasl.oauth.client_id: is missing; token_url needs it`},
	{bearerWith("token_url: §\"https://a/t\", client_id: c"), `kafka.sasl.oauth.client_secret: is missing; token_url needs it (or client_secret_file)`},
	{bearerWith("token_url: §\"http://a/t\", client_id: c, client_secret: s"), `kafka.sasl.oauth.token_url: must begin with https://, because the client secret goes there, not ***`},
	{bearerWith("token_url: §a.example.com, client_id: c, client_secret: s"), `kafka.sasl.oauth.token_url: must be an address such as https://login.example.com/oauth2/token, without a user in it, not "a.example.com"`},
	{bearerWith("token_url: §\"https://u:p@a/t\", client_id: c, client_secret: s"), `kafka.sasl.oauth.token_url: must be an address such as https://login.example.com/oauth2/token, without a user in it, not ***`},
	{bearerWith("token_url: \"https://a/t\", client_id: c, client_secret_file: §/nowhere"), `kafka.sasl.oauth.client_secret_file: cannot be read: no such file or directory`},
	{bearerWith("token_command: [x], extensions: [§\"auth=x\"]"), `kafka.sasl.oauth.extensions: must be NAME=VALUE, such as logicalCluster=lkc-1; a name is letters only and not auth, not "auth=x"`},
	{bearerWith("token_command: [x], extensions: [§pool]"), `kafka.sasl.oauth.extensions: must be NAME=VALUE, such as logicalCluster=lkc-1; a name is letters only and not auth, not "pool"`},
	{kafkaWith("tls: {server_name: §a}"), `kafka.tls.server_name: has no effect unless kafka.tls.enabled is true`},
	{kafkaWith("tls: {insecure_skip_verify: §true}"), `kafka.tls.insecure_skip_verify: has no effect unless kafka.tls.enabled is true`},
	{kafkaWith("sasl: {password: §p}"), `kafka.sasl.password: has no effect without kafka.sasl.mechanism`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"${NOT_SET}\"}"), `kafka.sasl.password: environment variable NOT_SET is not set`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"${file:/no/where}\"}"), `kafka.sasl.password: cannot read the file of ${file:/no/where}: no such file or directory`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"${file:secret}\"}"), `kafka.sasl.password: ${file:secret} must name an absolute path`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"${file:/}\"}"), `kafka.sasl.password: cannot read the file of ${file:/}: it is not a regular file`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"a${b\"}"), `kafka.sasl.password: a ${ without its } (write $${ for a literal ${)`},
	{kafkaWith("sasl: {mechanism: plain, username: u, password: §\"${a b}\"}"), `kafka.sasl.password: ${...} must hold the name of an environment variable or file:/absolute/path`},

	// Sources.
	{sourcesOf("§[]"), `sources: must not be empty`},
	{sourcesOf("[§events]"), `sources: must be a mapping such as {topic: billing.events}, not "events"`},
	{sourcesOf("[§{format: native}]"), `sources[].topic: is missing`},
	{sourcesOf("[{topic: §a b}]"), `sources[].topic: must be 1 to 249 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen, not "a b"`},
	{sourcesOf("[{topic: a, §fromat: native}]"), `sources[]: unknown key "fromat"; did you mean "format"?`},
	{sourcesOf("[{topic: a, format: §strip}]"), `sources[].format: unknown value "strip"; did you mean "stripe"?`},
	{sourcesOf("[{topic: a, mapping: §{id: $.id}}]"), `sources[].mapping: has no effect with format: native`},
	{sourcesOf("[§{topic: a, format: mapping}]"), `sources[].mapping: format: mapping needs a mapping: a rule or a list of rules (docs/how-to/mapping.md)`},
	{sourcesOf("[§{topic: a, format: debezium}]"), `sources[].mapping: format: debezium needs a mapping of tables to rules (docs/how-to/debezium.md)`},
	{sourcesOf("[§{topic: a, format: stripe, keyed_by_account: true}]"), `sources[].keyed_by_account: has no effect with format: stripe, whose records are decoded and copied by account; leave it out`},
	{sourcesOf("[{topic: a, format: stripe, mapping: {meters: {calls: §[1]}}}]"), `sources[].mapping.meters.calls: must be the id of a meter, such as mtr_123`},
	{sourcesOf("[{topic: a, format: stripe, mapping: {plan: §tier}}]"), `sources[].mapping.plan: must be one of product, price, lookup_key, nickname, not "tier"`},
	{sourcesOf("[{topic: a, format: stripe, mapping: {subscription: §sub}}]"), `sources[].mapping.subscription: must be a path such as $.payload.subscription, not "sub"`},
	{sourcesOf("[{topic: a, format: openmeter, mapping: {quantity: §data.value}}]"), `sources[].mapping.quantity: must be a path such as $.data.value, not "data.value"`},
	{sourcesOf("[{topic: a, format: openmeter, mapping: {meters: {calls: {count: §1}}}}]"), `sources[].mapping.meters.calls.count: must be true or false, not "1"`},
	{sourcesOf("[{topic: a, format: debezium, mapping: §{source: crm}}]"), `sources[].mapping.tables: must be a mapping of table names such as public.subscriptions to rules with type, subject and data`},
	{sourcesOf("[{topic: a, format: debezium, mapping: {tables: {t: {type: account.changed, subject: $.id, data: {name: $.name}, on_delete: §cancel}}}}]"), `sources[].mapping.tables.t.on_delete: for account.changed it must be ignore or erase`},
	{sourcesOf("[{topic: a, format: debezium, mapping: {tables: {t: §{type: account.changed, data: {name: $.name}}}}}]"), `sources[].mapping.tables.t: subject is missing; every event needs it`},
	{mappingOfRule("type: §account.chnged"), `sources[].mapping.type: must be one of the native types account.changed, subscription.changed, usage.recorded, usage.statement, charge.recorded, signal.observed, account.erased, event.revoked`},
	{mappingOfRule("type: charge.recorded, data: {amount: §\"1,5\"}"), `sources[].mapping.data.amount: "1,5": must be a decimal such as 25.00`},
	{mappingOfRule("type: charge.recorded, data: {amount: {path: $.a, minor_units: §13}}"), `sources[].mapping.data.amount.minor_units: must be the number of digits behind the point, 0 to 12, or the path of the currency`},
	{mappingOfRule("type: charge.recorded, data: {amuont: §$.a}"), `sources[].mapping.data: unknown key "amuont"; known here: kind, amount, currency`},
	{mappingOfRule("type: charge.recorded, data: {kind: {path: $.k, map: {x: §fee}}}"), `sources[].mapping.data.kind.map.x: "fee": must be one of one_off, service, credit, refund, tax`},
	{mappingOfRule("type: charge.recorded, data: {currency: §usd}"), `sources[].mapping.data.currency: "usd": must be an ISO 4217 code such as USD`},
	{mappingOfRule("type: charge.recorded, data: {currency: §\"$.a[*]\"}"), `sources[].mapping.data.currency: "$.a[*]": between [ and ] there must be a number from 0, or a name in single quotes`},
	{mappingOfRule("type: charge.recorded, data: {currency: §\"@.a\"}"), `sources[].mapping.data.currency: "@.a": @ stands for the element of a list: there is none here`},
	{mappingOfRule("type: account.changed, data: {effective_at: {path: $.t, time: §seconds}}"), `sources[].mapping.data.effective_at.time: unknown unit "seconds"; use one of rfc3339, unix, unix_ms, unix_us, unix_ns, days, datetime`},
	{mappingOfRule("type: subscription.changed, data: {items: §$.items}"), `sources[].mapping.data.items: must be a list of mappings, or {each: $.list, fields: {...}} with paths that begin with @ for the element`},
	{mappingOfRule("when: {type: §x}, type: account.erased"), `sources[].mapping.when: "type" must be a path such as $.type`},
	{sourcesOf("§[{topic: a, format: avro}]"), `schema_registry.url: is missing; format: avro needs it`},
	{"+schema_registry: {url: §registry}", `schema_registry.url: must be the URL of a server such as https://registry.internal:8081, without user name and password, not "registry"`},
	{"+schema_registry: {url: §\"http://u:p@r\"}", `schema_registry.url: must be the URL of a server such as https://registry.internal:8081, without user name and password, not ***`},
	{"+schema_registry: {url: §\"http://r:8081\", username: u, password: p}", `schema_registry.url: a password would go over the network unencrypted: use https`},
	{"+schema_registry: {url: §\"https://r:8081\", username: u}", `schema_registry.username: username and password belong together`},
	{"+schema_registry: {username: §u}", `schema_registry.username: has no effect without schema_registry.url`},
	{sourcesOf("[{topic: a}, §{topic: a}]"), `sources: two sources have the same topic`},
	{sourcesOf("§[{topic: expansion.metrics}]"), `sources[].topic: a source is the topic <output.prefix>metrics that this program writes`},

	// Output, checkpoint, HTTP, log, limits.
	{"+output: {format: §avro}", `schema_registry.url: is missing; output.format: avro registers the schemas of rows there`},
	{"+output: {format: §connect}", `output.format: unknown value "connect"; use json, connect-json or avro`},
	{"+output: {delivery: §at_most_once}", `output.delivery: unknown value "at_most_once"; use at_least_once or exactly_once`},
	{"+output: {prefix: §\"a/b\"}", `output.prefix: must be 1 to 200 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen, not "a/b"`},
	{"+output: {replication: §-1}", `output.replication: must be a whole number from 0 to 32, not "-1"`},
	{"+output: {flush_interval: §0}", `output.flush_interval: must be between 1ms and 1m, not "0"`},
	{"+checkpoint: {store: §redis}", `checkpoint.store: unknown value "redis"; use dir or kafka`},
	{"+checkpoint: {interval: §10}", `checkpoint.interval: must be a duration such as 250ms, 60m, 12h or 35d, not "10" (a unit is missing: 10s, 10m, 10h?)`},
	{"+instance: {count: §0}", `instance.count: must be a whole number from 1 to 10000, not "0"`},
	{"+instance: {ordinal: §first}", `instance.ordinal: must be auto, or a whole number from 0, not "first"`},
	{"+http: {address: §\":8080\"}", `http.address: reaches beyond this machine without authentication; use a loopback address, name users in http.web_config_file, or set http.insecure: true to let anyone read everything`},
	{"+http: {address: §\"10.0.0.1:8080\"}", `http.address: reaches beyond this machine without authentication; use a loopback address, name users in http.web_config_file, or set http.insecure: true to let anyone read everything`},
	{"+http: {address: §localhost}", `http.address: must be host:port such as 127.0.0.1:8080, not "localhost"`},
	{"+http: {tls: §{cert_file: a}}", `http.tls: not available in this version: tls; use tls_server_config in the file that http.web_config_file names`},
	{"+http: {auth: §{}}", `http.auth: not available in this version: auth; use basic_auth_users or bearer_tokens in the file that http.web_config_file names`},
	{"+http: {advertise: §processor-0}", `http.advertise: must be the address of this instance, such as http://processor-0.processor:8080, not "processor-0"`},
	{"+http: {advertise: §\"http://a/?b\"}", `http.advertise: must be the address of this instance, such as http://processor-0.processor:8080, not ***`},
	{"+http: {advertise: §\"http://p-{ordinal}:80\"}", `http.advertise: {ordinal} stands for an instance's number where instance.count is more than 1; use an address of this instance alone`},
	{"+instance: {count: 2, ordinal: 0}\nhttp: {advertise: §\"http://p-0:80\"}", `http.advertise: needs {ordinal} in the place of the instance's number, because instance.count is more than 1: http://processor-{ordinal}.processor:8080`},
	{"+http: {debug_address: §\"0.0.0.0:6060\"}", `http.debug_address: must be a loopback address such as 127.0.0.1:6060: a profile tells what the process has in memory`},
	{"+http: {debug_address: §\"127.0.0.1:6060\"}", `http.debug_address: is for admins: name a file with some in http.web_config_file`},
	{"+http: {max_streams: §500}", `http.max_streams: must be at least 16 less than http.max_connections (512), which leaves room for other requests`},
	{"+log: {level: §wran}", `log.level: unknown value "wran"; did you mean "warn"?`},
	{"+limits: {max_record_bytes: §1 MB}", `limits.max_record_bytes: must be a number of bytes from 1KiB to 64MiB, as 1048576 or 1MiB, not "1 MB"`},
	{"+limits: {max_depth: §1.5}", `limits.max_depth: must be a whole number from 4 to 1000, not "1.5"`},
	// Signals.
	{"+signals: §[{}]", `signals: must be a mapping with some of the keys thresholds, within, seat_block, at_least, converts, weights, gate`},
	{"+signals: {§treshold: 80}", `signals: unknown key "treshold"; did you mean "thresholds"?`},
	{"+signals: {thresholds: §80}", `signals.thresholds: must be a list such as [80, 100], not "80"`},
	{"+signals: {thresholds: [100, §80]}", `signals.thresholds: must rise, as in [80, 100]: 80 comes after 100`},
	{"+signals: {thresholds: [§0.8]}", `signals.thresholds: must be whole percentages from 1 to 1000, as in [80, 100], not "0.8"`},
	{"+signals: {thresholds: §[]}", `signals.thresholds: must have 1 to 10 percentages, not 0`},
	{"+signals: {within: §365d}", `signals.within: must be between 24h and 180d, not "365d"`},
	{"+signals: {weights: {usage: §-1}}", `signals.weights: usage must be a whole number from 0 to 1000000, not "-1"`},
	{"+signals: {weights: §[usage]}", `signals.weights: must be a mapping such as {usage: 50, seats: 50, milestone: 0}, not a list`},
	{"+signals: {at_least: {nps: §many}}", `signals.at_least: nps must be a whole number from 0 to 1000000000, not "many"`},
	{"+signals: {converts: {§seats: seat}}", `signals.converts: the types of seats must be a list such as [seat, upsell]`},
	{"+signals: {converts: {seats: [§seats]}}", `signals.converts: unknown type of expansion "seats"; did you mean "seat"?`},
	{"+signals: {converts: {seats: [seat, §seat]}}", `signals.converts: "seat" stands twice`},
	{"+signals: {gate: {health_below: §101}}", `signals.gate.health_below: must be a whole number from 0 to 100, not "101"`},
	{"+alerts: §default", `alerts: must be a list such as [default, {name: enterprise-seats, grouping: "plan_tier", segments: [enterprise], type: seat, interval: 30d, threshold: 30%, for: 12h, min_base: "50000"}], not "default"`},
	{"+alerts: [§defalt]", `alerts: must be default, or a mapping such as {name: slowing, threshold: 20%}, not "defalt"`},
	{"+alerts: [§{name: a}]", `alerts: a rule needs threshold`},
	{"+alerts: [§{threshold: 20%}]", `alerts: a rule needs name`},
	{"+alerts: [{name: a, threshold: 20%}, §{name: a, threshold: 30%}]", `alerts: the name a stands twice`},
	{"+alerts: [default, §default]", `alerts: the name default stands twice`},
	{"+alerts: [{name: a, §treshold: 20%, threshold: 20%}]", `alerts[]: unknown key "treshold"; did you mean "threshold"?`},
	{"+alerts: [{name: a, threshold: §20}]", `alerts: threshold must be a percentage from 0% to 100% such as 20%, not "20"`},
	{"+alerts: [{name: a, threshold: §120%}]", `alerts: threshold must be a percentage from 0% to 100% such as 20%, not "120%"`},
	{"+alerts: [{name: a, threshold: 20%, metric: §mrr}]", `alerts: metric must be one of expansion_mrr, expansion_rate, nrr_1m, nrr_12m, grr_1m, grr_12m, not "mrr"`},
	{"+alerts: [{name: a, threshold: 20%, comparison: §mean}]", `alerts: comparison must be one of previous, trailing_mean, target, not "mean"`},
	{"+alerts: [{name: a, threshold: 20%, interval: §31d}]", `alerts: interval must be one of 1h, 24h, 7d, 30d, 90d, 365d, day, week, month, quarter, year, not "31d"`},
	{"+alerts: [{name: a, threshold: 20%, for: §6}]", `alerts: for must be a duration of at most 366d such as 6h, not "6"`},
	{"+alerts: [{name: a, threshold: 20%, min_base: §1e4}]", `alerts: min_base must be an amount such as 10000 or 10000.50, not "1e4"`},
	{"+alerts: [{name: a, threshold: 20%, segments: §eu}]", `alerts: must be a list such as [eu, us], not "eu"`},
	{"+notify: {webhook: {url: §'ftp://example'}}", `notify.webhook.url: must be a URL such as https://alerts.example/hook, without user and password`},
	{"+notify: {alertmanager: {urls: [§'alertmanager:9093']}}", `notify.alertmanager.urls: must be a URL such as https://alerts.example/hook, without user and password, not "alertmanager:9093"`},

	// Reporting.
	{"+reporting: {currency: §usd}", `reporting.currency: must be an ISO 4217 code such as USD, not "usd"`},
	{"+reporting: {time_zone: §america/new_york}", `reporting.time_zone: must be the name of a time zone such as America/New_York, not "america/new_york"; did you mean "America/New_York"?`},
	{"+reporting: {time_zone: §Local}", `reporting.time_zone: must be the name of a time zone such as America/New_York, not "Local"`},
	{"+reporting: {start: §2025-02-30}", `reporting.start: must be a date such as 2026-01-01, not "2025-02-30"`},
	{"+reporting: {fiscal_year_start: §13}", `reporting.fiscal_year_start: must be a whole number from 1 to 12, not "13"`},
	{"+reporting: {rates: §{EUR: 1}}", `reporting.rates: must be a list such as [{EUR: "1.08"}, {from: 2026-01-01, EUR: "1.10"}], not a mapping`},
	{ratesOf("{EUR: §0.00}"), `reporting.rates: the rate of EUR must be a positive decimal with at most 18 digits on either side of the point, not "0.00"`},
	{ratesOf("{EUR: §1e3}"), `reporting.rates: the rate of EUR must be a positive decimal with at most 18 digits on either side of the point, not "1e3"`},
	{ratesOf("{EUR: §-1.5}"), `reporting.rates: the rate of EUR must be a positive decimal with at most 18 digits on either side of the point, not "-1.5"`},
	{ratesOf("{EUR: §0.1234567890123456789}"), `reporting.rates: the rate of EUR must be a positive decimal with at most 18 digits on either side of the point, not "0.1234567890123456789"`},
	{ratesOf("{§eur: 1}"), `reporting.rates: unknown key "eur": must be an ISO 4217 code such as USD; did you mean "EUR"?`},
	{ratesOf("{§form: 2026-01-01, EUR: 1}"), `reporting.rates: unknown key "form": must be an ISO 4217 code such as USD; did you mean "from"?`},
	{ratesOf("{§from: 1 May, EUR: 1}"), `reporting.rates: from must be a date such as 2026-01-01, not "1 May"`},
	{ratesOf("§{from: 2026-01-01}"), `reporting.rates: a table needs at least one currency`},
	{"+reporting: {rates: §[{USD: 1}]}", `reporting.rates: USD is the reporting currency: it needs no rate`},
	{ratesOf("{EUR: 1, JPY: 1}, §{from: 2026-01-01, EUR: 1}"), `reporting.rates: drops JPY, which the table before has`},
	{ratesOf("{from: 2026-01-01, EUR: 1}, §{EUR: 1}"), `reporting.rates: tables go from the earliest to the latest, each with its own date (the one without from is first): the table without from comes after 2026-01-01`},
	{ratesOf("{from: 2026-01-01, EUR: 1}, §{from: 2026-01-01, EUR: 1}"), `reporting.rates: tables go from the earliest to the latest, each with its own date (the one without from is first): 2026-01-01 comes after 2026-01-01`},

	// Rules.
	{"+rules: {coalesce: §25h}", `rules.coalesce: must be between 0s and 24h, not "25h"`},
	{"+rules: {coalesce: §-1m}", `rules.coalesce: must be a duration such as 250ms, 60m, 12h or 35d, not "-1m"`},
	{"+rules: {day_factor: §31}", `rules.day_factor: unknown value "31"; use 365/12, 365.25/12 or 30`},
	{"+rules: {past_due_for: §0d}", `rules.past_due_for: must be between 1ns and 36500d, not "0d"`},

	// Groupings and windows.
	{"+groupings: [§region]", `groupings: a grouping is a list of dimensions such as [region], not "region"`},
	{"+groupings: [§[]]", `groupings: a grouping has 1 to 4 dimensions, not 0 (all is always there)`},
	{"+groupings: [§[a, b, c, d, e]]", `groupings: a grouping has 1 to 4 dimensions, not 5 (all is always there)`},
	{"+groupings: [[§all]]", `groupings: all is reserved: it is always there`},
	{"+groupings: [[a, §a]]", `groupings: the dimension "a" stands twice in one grouping`},
	{"+groupings: [[a, b], §[a, b]]", `groupings: this grouping stands twice`},
	{"+groupings: [[§'a,b']]", `groupings: the name of a dimension has at most 128 bytes, no comma and no control characters`},
	{"+groupings: [[region]]\nvalues: §[eu]", `values: must be a mapping such as {region: [eu, us]}, not a list`},
	{"+groupings: [[region]]\nvalues: {§region: eu}", `values: the values of region must be a list of 1 to 1000 values`},
	{"+groupings: [[region]]\nvalues: {region: [eu, §eu]}", `values: the value "eu" stands twice`},
	{"+groupings: [[region]]\nvalues: §{regoin: [eu]}", `values: no grouping has the dimension regoin`},

	// The plan.
	{"+targets: §{month: 2026-03}", `targets: must be a list such as [{month: 2026-03, expansion_mrr: "25000"}, {grouping: region, segment: eu, month: 2026-03, expansion_mrr: "9000"}], not a mapping`},
	{"+targets: [§2026-03]", `targets: must be a mapping such as {month: 2026-03, expansion_mrr: "25000"}, not "2026-03"`},
	{"+targets: [{month: §2026-13, expansion_mrr: 1}]", `targets: month must be a month such as 2026-03, not "2026-13"`},
	{"+targets: [{month: 2026-03, expansion_mrr: §-5}]", `targets: expansion_mrr must be an amount such as 25000 or 25000.50, not "-5"`},
	{"+targets: [{month: 2026-03, expansion_mmr: §5}]", `targets: unknown key "expansion_mmr"; did you mean "expansion_mrr"?`},
	{"+targets: [§{month: 2026-03}]", `targets: a target needs month and expansion_mrr`},
	{"+targets: [{month: 2026-03, expansion_mrr: 1}, §{month: 2026-03, expansion_mrr: 2}]", `targets: this segment and month stand twice`},
	{"+targets: §[{segment: eu, month: 2026-03, expansion_mrr: 1}]", `targets: the segment eu needs its grouping, as in {grouping: region, segment: eu}`},
	{"+targets: §[{grouping: regoin, segment: eu, month: 2026-03, expansion_mrr: 1}]", `targets: there is no grouping regoin`},
	{"+groupings: [[plan_tier, region]]\ntargets: §[{grouping: 'plan_tier,region', segment: smb, month: 2026-03, expansion_mrr: 1}]", `targets: the segment smb is none of the grouping plan_tier,region: write one value for each dimension`},
	{"+groupings: §[" + strings.Repeat("[a],", 201) + "]", `groupings: must have at most 200 groupings, not 201`},
	{"+windows: [30d, §60d]", `windows: unknown value "60d"; did you mean "30d"?`},
	{"+windows: [30d, §30d]", `windows: "30d" stands twice`},
	{"+windows: §[]", `windows: must not be empty`},
	{"+windows: §30d", `windows: must be a list such as [1h, 24h, 7d, 30d, 90d, 365d], not "30d"`},
}

func kafkaWith(more string) string {
	return "kafka: {brokers: [\"localhost:9092\"], " + more + "}\ngroup: g\nsources: [{topic: events}]\n"
}

func bearerWith(oauth string) string {
	return kafkaWith("sasl: {mechanism: oauthbearer, oauth: {" + oauth + "}}")
}

func sourcesOf(list string) string {
	return "kafka: {brokers: [\"localhost:9092\"]}\ngroup: g\nsources: " + list + "\n"
}

// mappingOfRule is a source with one rule that has what every rule needs beside the text.
func mappingOfRule(text string) string {
	return sourcesOf("[{topic: a, format: mapping, mapping: {id: $.id, source: s, subject: $.s, time: $.t, " + text + "}}]")
}

func ratesOf(tables string) string { return "+reporting: {rates: [" + tables + "]}" }

func TestEachMistakeHasItsMessage(t *testing.T) {
	for _, m := range mistakes {
		text := m.text
		if rest, after := strings.CutPrefix(text, "+"); after {
			text = needed + rest
		}
		before, after, marked := strings.Cut(text, "§")
		line := 1 + strings.Count(before, "\n")
		column := len(before) - strings.LastIndex(before, "\n")
		path := written(t, before+after)
		_, err := Load(path, nil, ForRun)
		want := fmt.Sprintf("%s:%d:%d: %s", path, line, column, m.want)
		if !marked || err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", m.text, err, want)
		}
	}
}

func TestAllMistakesAtOnceInOrder(t *testing.T) {
	text := "log: {level: wran}\ngroup: ''\nrules: {coalesc: 1m, coalesce: 60}\nbrokers: a\n"
	env := []string{"EXPANSION_GROUPING=[[a]]", "EXPANSION_WINDOWS=1d", "EXPANSION_ALERTS=x"}
	_, err := Load(written(t, text), env, ForRun)
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("got %v, want problems", err)
	}
	var places []string
	for _, p := range problems {
		place, _, _ := strings.Cut(strings.TrimPrefix(p.At.String(), p.At.File+":"), " ")
		places = append(places, place+" "+p.Key)
	}
	got := strings.Join(places, "; ")
	want := "1:1 kafka.brokers; 1:1 sources; 1:14 log.level; 2:8 group; 3:9 rules; 3:32 rules.coalesce; 4:1 ; " +
		"env alerts; env ; env windows"
	if got != want {
		t.Errorf("problems\n got %s\nwant %s", got, want)
	}
}

func TestUnreadableFilesAreOneProblem(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, make([]byte, documentBytesMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"no/such.yaml": "no/such.yaml: cannot be read: no such file or directory",
		".":            ".: cannot be read: it is not a regular file",
		large:          large + ": cannot be read: it is larger than 128KiB",
	} {
		if _, err := Load(path, nil, ForRun); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"brokers", "level", "format", "30d"}
	for word, want := range map[string]string{
		"broker": "brokers", "borkers": "brokers", "LEVEL": "level", "formatt": "format", "31d": "30d",
		"br": "", "colour": "", "": "", "3": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
