package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/pipeline"
	"processor/internal/web"
)

// explainWithin bounds how long a reader waits until a running service has said why it cannot answer.
const explainWithin = 5 * time.Second

// asker answers the API's questions about accounts from a running service.
type asker struct{ questions *pipeline.Questions }

// Account is the account's row now.
func (a asker) Account(ctx context.Context, account string) (aggregate.AccountRow, event.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, explainWithin)
	defer cancel()
	row, watermark, err := a.questions.Account(ctx, account)
	return row, watermark, refusal(err)
}

// Movements are the account's rows.
func (a asker) Movements(ctx context.Context, account string, choose func([]aggregate.MovementRow)) (event.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, explainWithin)
	defer cancel()
	watermark, err := a.questions.Movements(ctx, account, choose)
	return watermark, refusal(err)
}

// explainer answers the API's questions why.
func explainer(questions *pipeline.Questions) web.Explainer {
	return func(ctx context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error) {
		ctx, cancel := context.WithTimeout(ctx, explainWithin)
		defer cancel()
		e, err := questions.Explain(ctx, account, within)
		return e, refusal(err)
	}
}

// refusal is what a reader is told of a question that has no answer here.
func refusal(err error) error {
	var unknown *pipeline.UnknownAccountError
	var elsewhere *pipeline.ElsewhereError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return &web.Refusal{Code: http.StatusNotFound, Text: "there is no such account", Nearest: unknown.Nearest}
	case errors.Is(err, pipeline.ErrNotReady):
		return &web.Refusal{Code: http.StatusServiceUnavailable, Text: err.Error()}
	case errors.Is(err, pipeline.ErrBusy):
		return &web.Refusal{Code: http.StatusServiceUnavailable, Text: "the service is busy; ask again"}
	case !errors.As(err, &elsewhere):
		return fmt.Errorf("ask for an account: %w", err)
	case !elsewhere.Known:
		return &web.Refusal{Code: http.StatusServiceUnavailable, Text: "the instances are sharing the accounts out; ask again"}
	case elsewhere.Address == "":
		return &web.Refusal{Code: http.StatusMisdirectedRequest, Text: fmt.Sprintf("%v; to be led to it, set http.advertise in the configuration of every instance", elsewhere)}
	default:
		return &web.Refusal{Code: http.StatusTemporaryRedirect, Text: elsewhere.Error(), Owner: elsewhere.Address}
	}
}
