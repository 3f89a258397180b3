package broker

import (
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// SASL gives the mechanism with that name: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, or none for "".
// The password is never part of an error.
func SASL(name, user, password string) (sasl.Mechanism, error) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if name == "" {
		if user != "" {
			return nil, fmt.Errorf("broker: a SASL user is given but no mechanism; set PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		}
		return nil, nil
	}
	if user == "" || password == "" {
		return nil, fmt.Errorf("broker: SASL %s needs a user and a password", name)
	}
	switch name {
	case "PLAIN":
		return plain.Mechanism{Username: user, Password: password}, nil
	case "SCRAM-SHA-256":
		return scramMechanism(scram.SHA256, user, password)
	case "SCRAM-SHA-512":
		return scramMechanism(scram.SHA512, user, password)
	default:
		return nil, fmt.Errorf("broker: unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", name)
	}
}

func scramMechanism(a scram.Algorithm, user, password string) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(a, user, password)
	if err != nil {
		return nil, fmt.Errorf("broker: SASL %s: user or password cannot be prepared (SASLprep)", a.Name())
	}
	return m, nil
}
