package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// answerMax is how much of an answer is read, so that the connection can be used again.
const answerMax = 64 << 10

// send posts a JSON document. An error never holds the address.
func (n *Notifier) send(ctx context.Context, to, authorization string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address is no URL")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "processor")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := n.options.Client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) { // it names the address
			err = failed.Err
		}
		return fmt.Errorf("it cannot be reached: %w", err)
	}
	// Only the status counts: what cannot be read or closed of the answer changes nothing.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, answerMax))
	_ = answer.Body.Close()
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		return fmt.Errorf("it answers %d %s", code, http.StatusText(code))
	default:
		return &refusedError{code}
	}
}

// The waits between two attempts double from the first to the last.
const (
	waitFirst = time.Second
	waitLast  = 5 * time.Minute
)

// backoff is the wait after so many failures in a row: somewhere in the upper half of what it may be, so
// that many senders do not come back together.
func backoff(failures int) time.Duration {
	wait := waitLast
	if failures < 10 {
		wait = min(waitFirst<<max(failures-1, 0), waitLast)
	}
	return wait/2 + rand.N(wait/2) //nolint:gosec // no secret
}

// pause waits; false where ctx has ended.
func pause(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return true
}
