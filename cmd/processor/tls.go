package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"processor/internal/config"
)

// tlsOptions reads the certificates that the configuration names; nil without TLS.
func tlsOptions(t *config.KafkaTLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	o := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // the operator's loud and named wish
	}
	var problems []error
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("kafka.tls.ca_file: %w", err))
		} else if o.RootCAs = x509.NewCertPool(); !o.RootCAs.AppendCertsFromPEM(pem) {
			problems = append(problems, fmt.Errorf("kafka.tls.ca_file: %s holds no certificate in PEM form", t.CAFile))
		}
	}
	if t.CertFile != "" || t.KeyFile != "" {
		certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("kafka.tls.cert_file and key_file: %w", err))
		}
		o.Certificates = []tls.Certificate{certificate}
	}
	return o, errors.Join(problems...)
}
