// Package web shows the latest figures over HTTP: the page, its stream, a read-only API with an OpenAPI
// document, the probes and Prometheus' scrape. It keeps the rows that it was given, within a bound, and
// changes nothing in the service. It must never write what came from outside into HTML: the page is
// static files, names travel as JSON and become text nodes.
//
// Read in this order: board and ledger (what is known), view (what the page sees of it), routes (the table of all
// that is answered), server, guard, query and answer (how a list is asked for and sent), api, accounts, movements,
// stream and frame, openapi. Who may ask is package access.
package web
