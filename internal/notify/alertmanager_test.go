package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/alert"
	"processor/internal/notify"
)

// alertmanager is a real one, named by ALERTMANAGER (.ci/alertmanager prints one). Without it the test is
// left out: everything else is tested against a server that only looks like it.
func alertmanager(t *testing.T, receiver string) (url string) {
	t.Helper()
	tool := os.Getenv("ALERTMANAGER")
	if tool == "" {
		t.Skip("ALERTMANAGER names no Alertmanager; .ci/alertmanager prints one")
	}
	folder := t.TempDir()
	config := filepath.Join(folder, "alertmanager.yml")
	text := fmt.Sprintf("route: {receiver: hook, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"+
		"receivers: [{name: hook, webhook_configs: [{url: %q, send_resolved: true}]}]\n", receiver)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, "--config.file="+config, "--storage.path="+folder,
		"--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	url = "http://" + address
	eventually(t, "it is ready", func() bool { return status(t, url+"/-/ready") == http.StatusOK })
	return url
}

// eventually waits for what another process does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	every, over := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-over:
			t.Fatalf("after a minute it does not hold that %s", what)
		}
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	return get(t, url, nil)
}

// get reads a JSON document; 0 where nobody answers.
func get(t *testing.T, url string, into any) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _ = answer.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode
}

// received is what Alertmanager tells its receivers.
type received struct {
	Status string
	Alerts []posted
}

// A real Alertmanager takes what fires, shows it with its labels and explanation, tells its receiver, and
// tells it of the end when the alert is resolved.
func TestRealAlertmanager(t *testing.T) {
	told := make(chan received, 100)
	receiver, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var one received
		if json.NewDecoder(r.Body).Decode(&one) == nil {
			told <- one
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(receiver) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	url := alertmanager(t, "http://"+receiver.Addr().String())

	var board atomic.Pointer[alert.Board]
	n := notify.New(notify.Options{Alertmanagers: []string{url}, Currency: "USD", Board: board.Load, ResendInterval: time.Second})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	board.Store(boardOf(changed("eu", alert.Firing), changed("us", alert.Pending)))
	n.Offer(board.Load().Alerts)
	var shown []posted
	eventually(t, "it shows the alert", func() bool {
		shown = nil
		return get(t, url+"/api/v2/alerts", &shown) == http.StatusOK && len(shown) > 0
	})
	if len(shown) != 1 || shown[0].Labels["alertname"] != "slow" || shown[0].Labels["segment"] != "eu" || shown[0].Annotations["accounts"] != "acme -30 USD" {
		t.Errorf("it shows %+v", shown)
	}
	next := func(want string) {
		t.Helper()
		select {
		case one := <-told:
			if one.Status != want || len(one.Alerts) != 1 || one.Alerts[0].Labels["segment"] != "eu" {
				t.Errorf("its receiver is told %+v, want one alert %s", one, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("after a minute its receiver was not told that the alert is %s", want)
		}
	}
	next("firing")

	board.Store(boardOf(changed("eu", alert.Resolved)))
	n.Offer(board.Load().Alerts)
	next("resolved")
	eventually(t, "nothing fires any more", func() bool {
		shown = nil
		return get(t, url+"/api/v2/alerts?active=true", &shown) == http.StatusOK && len(shown) == 0
	})
	if _, counts := n.Read(); counts.Failed != 0 || counts.Sent < 2 {
		t.Errorf("%+v", counts)
	}
}
