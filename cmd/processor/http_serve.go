package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"processor/internal/config"
	"processor/internal/web"
	"processor/internal/web/access"
)

// serverOptions are what a configuration says of how the HTTP server is reached. Everything about it that
// can be wrong without a network is found here.
func serverOptions(c *config.Config, log *slog.Logger) (web.Options, error) {
	o := web.Options{
		Loopback: config.IsLoopback(c.HTTP.Address), Advertise: c.HTTP.Advertise,
		Connections: c.HTTP.MaxConnections, Streams: c.HTTP.MaxStreams, Log: log,
	}
	if c.HTTP.WebConfigFile == "" {
		return o, nil
	}
	gate, err := access.Open(c.HTTP.WebConfigFile, access.Options{Log: log})
	switch {
	case err != nil:
		return o, fmt.Errorf("http.web_config_file: %w", err)
	case !gate.Authenticates() && !o.Loopback && !c.HTTP.Insecure:
		return o, fmt.Errorf("http.address %s reaches beyond this machine, and %s asks nobody who they are: add basic_auth_users, bearer_tokens or "+
			"client_auth_type: RequireAndVerifyClientCert, or set http.insecure: true to let anyone read everything", c.HTTP.Address, c.HTTP.WebConfigFile)
	case c.HTTP.DebugAddress != "" && !gate.HasAdmin():
		return o, fmt.Errorf("http.debug_address is for admins, and %s has none: name some under admins, or give a bearer token the role admin", c.HTTP.WebConfigFile)
	}
	o.Gate = gate
	return o, nil
}

// listen opens the addresses of a configuration; serve answers there until its context ends.
func (f *face) listen(c *config.Config) (serve func(context.Context) error, err error) {
	l, err := web.Listen(context.Background(), c.HTTP.Address) //nolint:contextcheck // opening a port does not wait
	if err != nil {
		return nil, err
	}
	log := f.transport.Log
	log.Info("the page and the API are served", "address", l.Addr().String())
	if !f.transport.Loopback && !f.transport.Gate.Authenticates() {
		log.Warn("anyone who reaches the address can read everything", "address", l.Addr().String(), "key", "http.insecure")
	}
	if c.HTTP.DebugAddress == "" {
		return func(ctx context.Context) error { return f.serve(ctx, l) }, nil
	}
	debug, err := web.Listen(context.Background(), c.HTTP.DebugAddress) //nolint:contextcheck // opening a port does not wait
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	log.Info("profiles are served to admins", "address", debug.Addr().String())
	return func(ctx context.Context) error { return f.serveBoth(ctx, l, debug) }, nil
}

// serveBoth ends both servers when one of them fails.
func (f *face) serveBoth(ctx context.Context, l, debug net.Listener) error {
	both, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer end()
		ended <- web.DebugServer(f.transport).Serve(both, debug)
	}()
	err := f.serve(both, l)
	end()
	return errors.Join(err, <-ended)
}
