package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrRefused means that the registry does not take a schema: trying again changes nothing.
var ErrRefused = errors.New("the schema registry refuses a schema")

// refusal is what a registry says of a schema that it does not take.
type refusal struct {
	Code    int    `json:"error_code"`
	Message string `json:"message"`
}

// Register is the number of a schema under a subject, which gets it as its newest version unless it has it
// already. ErrRefused is the registry's own word; every other error means that it could not be asked now.
func (c *Client) Register(ctx context.Context, subject, schema string) (uint32, error) {
	body, err := json.Marshal(map[string]string{"schema": schema, "schemaType": KindAvro})
	if err != nil {
		return 0, err
	}
	path := "/subjects/" + url.PathEscape(subject) + "/versions"
	status, answered, err := c.request(ctx, http.MethodPost, path, body)
	if err != nil {
		return 0, err
	}
	var no refusal
	_ = json.Unmarshal(answered, &no) // what is no answer of a registry is told by its status
	switch {
	case status == http.StatusOK:
	case no.Code != 0 && (status == http.StatusConflict || status == http.StatusUnprocessableEntity):
		return 0, fmt.Errorf("%w: subject %s: %s (%d); it is not compatible with the one that is there: let the subject take it, "+
			"or choose another output.prefix", ErrRefused, subject, no.Message, no.Code)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return 0, fmt.Errorf("POST %s: %d %s%s, and that it may register schemas", path, status, http.StatusText(status), remedy(status))
	default:
		return 0, fmt.Errorf("POST %s: %d %s%s", path, status, http.StatusText(status), remedy(status))
	}
	var given struct {
		ID *uint32 `json:"id"`
	}
	if err := json.Unmarshal(answered, &given); err != nil || given.ID == nil {
		return 0, fmt.Errorf("POST %s: the answer is none of a schema registry; check schema_registry.url", path)
	}
	return *given.ID, nil
}

// insist calls ask until the registry has answered, with pauses that grow. waiting is told of each failure.
func insist(ctx context.Context, waiting func(error), ask func() error) error {
	pause := pauseFirst
	for {
		err := ask()
		if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnknown) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if waiting != nil {
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, pauseMax)
	}
}
