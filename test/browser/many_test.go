package browser

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The bounds of the page, however many accounts there are: what one event of the stream carries, and what a
// browser has to lay out.
const (
	eventBytes = 256 << 10
	pageNodes  = 4000
)

// A hundred thousand accounts are no more to the page than a hundred.
func TestManyAccounts(t *testing.T) {
	address := demo(t, "--events", "300000", "--accounts", "100000", "--rate", "0")
	b := open(t)
	b.visit(address)
	b.settled("300,000")
	b.do(chromedp.Click(chromedp.CSS("#slow li a, #rows a")))
	b.until(`!document.getElementById("path").hidden`)
	if nodes := get[int](b, `document.querySelectorAll("*").length`); nodes > pageNodes {
		t.Errorf("%d elements on the page, more than %d", nodes, pageNodes)
	}
	if size := eventSize(b.ctx, t, address+"/api/v1/stream?grouping=plan_tier,region"); size > eventBytes {
		t.Errorf("an event of %d bytes, more than %d", size, eventBytes)
	}
	t.Logf("%d elements", get[int](b, `document.querySelectorAll("*").length`))
	b.calm()
}

// eventSize is how many bytes the first event of a stream has.
func eventSize(ctx context.Context, t *testing.T, address string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("%v: %.80s", err, line)
	}
	t.Logf("an event has %d bytes", len(line))
	return len(line)
}
