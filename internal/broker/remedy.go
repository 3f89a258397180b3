package broker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// Remedy says what can be done about an error of a connection or a permission, in the words of the
// configuration; "" where the error says it itself.
func Remedy(err error) string {
	for _, r := range []func(error) string{loginRemedy, certificateRemedy, tlsRemedy, permissionRemedy, networkRemedy} {
		if text := r(err); text != "" {
			return text
		}
	}
	return ""
}

func loginRemedy(err error) string {
	var login *LoginError
	switch {
	case errors.As(err, &login):
		return "kafka.sasl: mend what the message names; it is tried again at the next connection"
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "the brokers do not accept the login: check kafka.sasl.username and the password (or the token) and that the user exists there"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "the brokers do not offer kafka.sasl.mechanism on this port: choose one of their sasl.enabled.mechanisms"
	case errors.Is(err, kafka.IllegalSASLState):
		return "the brokers expect no login on this port: leave out kafka.sasl, or use the port of their SASL listener"
	}
	return ""
}

func certificateRemedy(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		return "kafka.tls.ca_file must hold the authority that signed the brokers' certificates"
	case errors.As(err, &host):
		return "name the brokers in kafka.brokers (and in their advertised.listeners) as their certificates do, or set kafka.tls.server_name to the name that these carry"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has ended, or a clock is wrong: renew it at the broker"
	case errors.As(err, &invalid):
		return "the broker's certificate cannot be used: renew it at the broker"
	}
	return ""
}

func tlsRemedy(err error) string {
	var remote *net.OpError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &remote) && remote.Op == "remote error": // as crypto/tls names an alert
		return "the broker refused the connection's encryption or this program's certificate: " +
			"check kafka.tls.cert_file (does it end in the future, and does the broker trust who signed it?)"
	case errors.As(err, &noTLS):
		return "the broker does not speak TLS on this port: use the port of its TLS listener, or set kafka.tls.enabled: false"
	}
	return ""
}

func permissionRemedy(err error) string {
	switch {
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return "allow this user the operation on the topic (kafka-acls.sh --add); processor doctor names each one that is missing"
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return "allow this user Read on the group (kafka-acls.sh --add --operation Read --group); processor doctor names it"
	case errors.Is(err, kafka.TransactionalIDAuthorizationFailed):
		return "allow this user Describe and Write on the transactional ids that begin with the group's name (kafka-acls.sh --add --resource-pattern-type prefixed)"
	case errors.Is(err, kafka.ClusterAuthorizationFailed):
		return "allow this user IdempotentWrite on the cluster (kafka-acls.sh --add --operation IdempotentWrite --cluster)"
	}
	return ""
}

func networkRemedy(err error) string {
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "no such host: check kafka.brokers, and the brokers' advertised.listeners"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check the ports of kafka.brokers, and that the brokers run"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker hung up: it may want TLS, or another login than this one, on this port (kafka.tls, kafka.sasl)"
	}
	return ""
}
