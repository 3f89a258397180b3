// Package access says who may ask the service over HTTP, and under which certificate it answers: the
// web configuration file of Prometheus' exporters (github.com/prometheus/exporter-toolkit,
// docs/web-configuration.md) and two keys of our own, bearer_tokens and admins. It knows no route: which
// role a route needs is the table of package web. It must never log, nor put into an error, what a
// request or the file says of a password, a token or a key.
//
// Read in this order: role, file (what can be configured), tls, gate (who asks), reload.
package access
