package config

// kafkaKeys are those of the brokers.
var kafkaKeys = []key{
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
}
