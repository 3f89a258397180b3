package main

import (
	"fmt"

	"processor/internal/broker"
)

// remedied adds to an error of the brokers what can be done about it, in the words of the configuration.
func remedied(err error) error {
	if err == nil {
		return nil
	}
	if remedy := broker.Remedy(err); remedy != "" {
		return fmt.Errorf("%w\n%s", err, remedy)
	}
	return err
}
