// Package web shows the latest figures over HTTP: the page, its stream, a small read-only API,
// the probes and Prometheus' scrape. It keeps the rows that it was given, within a bound, and
// changes nothing in the service. It must never write what came from outside into HTML: the page is
// static files, names travel as JSON and become text nodes.
//
// Read in this order: board (what is known), view (what the page sees of it), server, api, stream.
package web
