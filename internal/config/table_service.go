package config

// serviceKeys are those of HTTP, the log and the limits.
var serviceKeys = []key{
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
		path: "limits.open_account_bytes", least: 1 << 20, most: 1 << 40,
		doc: "Memory, about, of the accounts that are ready to be worked on. Those beyond it that are at rest are kept at a tenth of their size, and take " +
			"longer when an event comes for them. A quarter of GOMEMLIMIT when absent, 512MiB without that. It changes no figure.",
		field: func(c *Config) any { return bytesField{&c.Limits.OpenAccountBytes} },
	},
}
