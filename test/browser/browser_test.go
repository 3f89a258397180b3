package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is one page of the browser, and what its console said.
type tab struct {
	*testing.T
	ctx   context.Context
	width int64 // of the screen, in pixels

	mu       sync.Mutex
	troubles []string // errors in the console, broken policies, exceptions, alerts
}

// open starts a browser with one empty page of a desktop's size.
func open(t *testing.T) *tab {
	t.Helper()
	path := chromium(t)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WindowSize(1360, 900), chromedp.Flag("hide-scrollbars", true))...)
	t.Cleanup(stop)
	b := &tab{T: t, width: 1360}
	ctx, end := chromedp.NewContext(allocator, chromedp.WithListener(b.hear))
	t.Cleanup(end)
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b.do(chromedp.Navigate("about:blank"))
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium: run .ci/browser, which installs it")
	return ""
}

// hear notes everything that a healthy page never says.
func (b *tab) hear(event any) {
	trouble := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		trouble = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			trouble += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if (e.Type == "error" || e.Type == "warning") && len(e.Args) > 0 {
			trouble = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			trouble = fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		trouble = "dialog: " + e.Message
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
	if trouble != "" {
		b.mu.Lock()
		b.troubles = append(b.troubles, trouble)
		b.mu.Unlock()
	}
}

// calm fails the test for whatever the console said.
func (b *tab) calm() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		b.Error(trouble)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// call sends a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.Fatal(err)
	}
}

// visit loads a page and waits for its figures.
func (b *tab) visit(address string) {
	b.Helper()
	b.do(chromedp.Navigate(address))
	b.until(`!document.getElementById("figures").hidden || !document.getElementById("account").hidden`)
}

// until waits for an expression to be true.
func (b *tab) until(expression string) {
	b.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingTimeout(patience/2), chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		b.Fatalf("never true: %s: %v", expression, err)
	}
}

// get is the value of an expression.
func get[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return value
}

// text is what a node shows.
func (b *tab) text(selector string) string {
	b.Helper()
	return get[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// settled waits until the demo has sent everything and the figures are those of it.
func (b *tab) settled(records string) {
	b.Helper()
	b.until(fmt.Sprintf(`document.getElementById("records").textContent === %q && document.getElementById("lag").textContent === "none" && document.getElementById("live").textContent === "live" && document.getElementById("watermark").matches(":not([data-behind])")`, records))
}

// dark and phone are how somebody looks at the page.
func (b *tab) dark() {
	b.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
}

func (b *tab) phone() {
	b.Helper()
	b.width = 390
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: b.width, Height: 844, DeviceScaleFactor: 2, Mobile: true})
}

// picture keeps what the page looks like, where somebody wants the pictures.
func (b *tab) picture(name string, height int64) {
	b.Helper()
	dir := os.Getenv("PICTURES")
	if dir == "" {
		return
	}
	if height == 0 {
		height = get[int64](b, "document.documentElement.scrollHeight")
	}
	scale := 1.0
	if b.width < 600 {
		scale = 2
	}
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: b.width, Height: height, DeviceScaleFactor: scale, Mobile: b.width < 600})
	get[any](b, "scrollTo(0, 0)")
	b.do(chromedp.Sleep(700 * time.Millisecond)) // a picture is judged by eyes only
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.Fatal(err)
	}
}

// axe is the accessibility checker's program.
func axe(t *testing.T) string {
	t.Helper()
	path := os.Getenv("AXE")
	if path == "" {
		t.Fatal("AXE names no axe.min.js: run .ci/browser, which fetches it")
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(program)
}

// accessible asks axe-core for what keeps people out: nothing serious or critical may be found.
func (b *tab) accessible(name string) {
	b.Helper()
	type violation struct {
		ID     string   `json:"id"`
		Impact string   `json:"impact"`
		Help   string   `json:"help"`
		Nodes  []string `json:"nodes"`
	}
	get[any](b, axe(b.T)+"; undefined")
	found := get[[]violation](b, `axe.run(document).then(r => r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help,
		nodes: v.nodes.slice(0, 3).map(n => n.target.join(" ") + ": " + n.failureSummary)})))`, chromedp.EvalAwaitPromise)
	for _, v := range found {
		report := b.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			report = b.Errorf
		}
		report("%s: %s: %s (%s)\n\t%s", name, v.Impact, v.Help, v.ID, strings.Join(v.Nodes, "\n\t"))
	}
}
