package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"processor/internal/broker"
	"processor/internal/config"
)

// openCluster prepares the connections to the configured brokers. It does no I/O but reading the
// files of TLS.
func openCluster(c *config.Config) (*broker.Cluster, error) {
	o := broker.Options{Brokers: c.Kafka.Brokers, ClientID: c.Kafka.ClientID}
	if t := c.Kafka.TLS; t.Enabled {
		o.TLS = &broker.TLS{
			CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify,
		}
	}
	s := &c.Kafka.SASL
	o.Login = broker.Login{Mechanism: s.Mechanism, Username: s.Username, Password: s.Password, PasswordFile: s.PasswordFile}
	var err error
	if o.Login.Token, err = tokenSource(&s.OAuth); err != nil {
		return nil, err
	}
	if o.Login.Extensions, err = extensions(s.OAuth.Extensions); err != nil {
		return nil, err
	}
	return broker.New(o)
}

// tokenSource is where the configuration has its tokens from; nil where it needs none.
func tokenSource(o *config.OAuth) (broker.TokenSource, error) {
	switch {
	case o.TokenFile != "":
		return broker.TokenFile(o.TokenFile), nil
	case len(o.TokenCommand) > 0:
		return broker.TokenCommand(o.TokenCommand), nil
	case o.TokenURL != "":
		return broker.TokenEndpoint{
			URL: o.TokenURL, ClientID: o.ClientID, ClientSecret: o.ClientSecret, SecretFile: o.ClientSecretFile, Scopes: strings.Fields(o.Scope),
		}.Source()
	default:
		return nil, nil
	}
}

// extensions reads name=value pairs.
func extensions(pairs []string) (map[string]string, error) {
	all := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("kafka.sasl.oauth.extensions: %q is not NAME=VALUE", pair)
		}
		all[name] = value
	}
	return all, nil
}

// warnUnverified says at each start that the brokers' certificates are not looked at.
func warnUnverified(ctx context.Context, c *config.Config, log *slog.Logger) {
	if c.Kafka.TLS.Enabled && c.Kafka.TLS.InsecureSkipVerify {
		log.WarnContext(ctx, "the brokers' certificates are NOT verified: anyone on the way can read and change everything; "+
			"set kafka.tls.ca_file and leave out kafka.tls.insecure_skip_verify")
	}
}
