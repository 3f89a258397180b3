// Package web shows the latest figures over HTTP: the page, its stream, a read-only API with an OpenAPI
// document, the probes and Prometheus' scrape. It keeps the rows that it was given, within a bound, and
// changes nothing in the service. It must never write what came from outside into HTML: the page is
// static files, names travel as JSON and become text nodes.
//
// Read in this order: board (rows of metrics), book (the accounts behind them) and feed (the latest movements);
// view (what the page sees of them) with period, slow, toplist and cohort; ledger (what the API lists); routes (the
// table of all that is answered), server, guard, query and answer (how a list is asked for and sent), api, accounts,
// movements, stream and frame, openapi. static is the page: page.js holds its modules together. Who may ask is
// package access.
package web
