//go:build !linux

package doctor

import "errors"

// statOf is not known here.
func statOf(string) (free uint64, memory bool, err error) {
	return 0, false, errors.ErrUnsupported
}
