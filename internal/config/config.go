// Package config reads the one configuration file, the environment and the secrets they refer
// to, and turns them into plain typed values. Every problem is reported at once with its place.
// It never opens a connection, never logs, and never shows a secret.
//
// The keys stand in one table (table.go); the file, the environment names, `config show`, the
// JSON Schema and docs/reference/config.md all come from it.
package config

import (
	"net"
	"time"

	"processor/internal/event/mapping"
)

// Config is a whole, checked configuration. Default makes one, Load fills one.
type Config struct {
	Kafka      Kafka
	Group      string // consumer group and the name of the deployment
	Sources    []Source
	Registry   Registry
	Output     Output
	Checkpoint Checkpoint
	Instance   Instance
	Reporting  Reporting
	Rules      Rules
	Groupings  []Grouping // `all` is not among them: it is always there
	Values     []DimensionValues
	Windows    []Window // from the shortest to the longest
	Targets    []Target
	Signals    Signals
	Alerts     []Alert
	Notify     Notify
	HTTP       HTTP
	Log        Log
	Limits     Limits

	purpose Purpose
	values  map[string]provenance // by key path; keys that nobody set are absent
}

// Kafka says how to reach the cluster.
type Kafka struct {
	Brokers  []string
	ClientID string
	TLS      KafkaTLS
	SASL     SASL
}

// KafkaTLS is the encryption of the connections to the brokers.
type KafkaTLS struct {
	Enabled            bool
	CAFile             string // empty: the system's authorities
	CertFile, KeyFile  string // both or none
	ServerName         string // empty: the broker's host name
	InsecureSkipVerify bool
}

// SASL is the login at the brokers; an empty Mechanism means none.
type SASL struct {
	Mechanism    string // plain, scram-sha-256, scram-sha-512, oauthbearer
	Username     string
	Password     Secret
	PasswordFile string // instead of Password; read at each login
	OAuth        OAuth
}

// OAuth says where the tokens of oauthbearer come from: exactly one of a file, a command, an endpoint.
type OAuth struct {
	TokenFile        string
	TokenCommand     []string
	TokenURL         string
	ClientID         string
	ClientSecret     Secret
	ClientSecretFile string // instead of ClientSecret; read for each token
	Scope            string // separated by spaces
	Extensions       []string
}

// Source is one topic that events come from.
type Source struct {
	Topic          string
	Format         string
	KeyedByAccount bool          // its Kafka keys are account ids under the Java client's partitioner
	Mapping        *mapping.Node // what the format leaves open; nil: nothing
}

// Registry is the schema registry of sources whose records name their schema by number.
type Registry struct {
	URL       string // empty: there is none
	Username  string
	Password  Secret
	CAFile    string // empty: the system's authorities
	Timeout   time.Duration
	SchemaMax int // schemas that are kept
}

// Output says where rows go and how.
type Output struct {
	Prefix          string
	Format          string
	CreateTopics    bool
	Delivery        string
	FlushInterval   time.Duration
	MetricsInterval time.Duration // at most one row per key and interval
	Replication     int           // 0: the cluster's default
	Tombstones      bool          // follow a deleted row with a tombstone
}

// Checkpoint says where state is kept and how often.
type Checkpoint struct {
	Store    string
	Dir      string
	Interval time.Duration
}

// Instance says who this process is among those of its group, and which shards are its where the group
// does not share them out.
type Instance struct {
	Count   int    // 1: the group shares them out
	Ordinal string // auto, or a number below Count
	Name    string // that no other running instance has; empty: none was given
}

// Reporting fixes the currency and the calendar of every number.
type Reporting struct {
	Currency        string
	TimeZone        *time.Location
	Rates           []RateTable // by date, the one without a date first
	Start           Date        // zero: no imported base
	FiscalYearStart int         // month number, 1-12
}

// Rules are the alternatives of the standard profile (docs/movements.md).
type Rules struct {
	Coalesce           time.Duration
	DayFactor          string // 365/12, 365.25/12, 30
	ReactivationWithin time.Duration
	Reactivation       string
	PastDueFor         time.Duration
	Usage              string
	UsageGrace         time.Duration
	Lateness           time.Duration
}

// Notify says who is told of alerts.
type Notify struct {
	Webhook        Endpoint
	Alertmanager   Alertmanager
	ResendInterval time.Duration // of alerts that fire, to Alertmanager
}

// Endpoint is where alerts are posted; an empty URL is nowhere. A URL may be a secret itself.
type Endpoint struct {
	URL           Secret
	Authorization Secret // the header; none when empty
}

// Alertmanager are Prometheus' own: every one of them is told.
type Alertmanager struct {
	URLs          []string
	Authorization Secret // the header; none when empty
}

// HTTP is the address of the API, the probes, the metrics and the dashboard.
type HTTP struct {
	Address        string
	Insecure       bool   // allows an address beyond loopback without authentication
	WebConfigFile  string // empty: no TLS, and nobody is asked who they are
	Advertise      string // empty: other instances lead nobody here
	DebugAddress   string // empty: there is none
	MaxConnections int
	MaxStreams     int // fewer
}

// IsLoopback says whether only this machine reaches an address, as host:port.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Log says what is logged and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // auto: text on a terminal, JSON otherwise
}

// Limits bound one input record, and what is kept of an account.
type Limits struct {
	MaxRecordBytes int
	MaxDepth       int
	MaxItems       int

	MaxAccountBytes  int // of the kept records of one account
	OpenAccountBytes int // of memory for accounts that are not parked, over all shards of an instance; 0 when absent
}
