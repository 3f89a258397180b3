package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A company of some size, all at once.
var whole = []string{"--events", "100000", "--rate", "0"}

// The page shows figures while the company still lives, and follows it.
func TestPageLives(t *testing.T) {
	b := open(t)
	b.visit(demo(t, "--events", "60000", "--rate", "3000"))
	records := b.text("#records")
	b.until(`document.getElementById("records").textContent !== "` + records + `"`)
	mrr := b.text("#tile-mrr")
	b.until(`document.getElementById("tile-mrr").textContent !== "` + mrr + `"`)
	if fresh := b.text("#fresh"); !strings.Contains(fresh, "now") && !strings.Contains(fresh, "s ago") {
		t.Errorf("updated %q", fresh)
	}
	b.until(`document.getElementById("reconciled").className === "proof holds"`)
	b.calm()
}

// A new user finds out which segment's expansion slowed, and why, from the screen alone.
func TestWhichSegmentSlowedAndWhy(t *testing.T) {
	b := open(t)
	b.visit(demo(t, whole...))
	b.settled("100,000")
	b.picture("overview", 1330)
	finding := b.text("#slow li")
	if !strings.HasPrefix(finding, "Seat expansion in enterprise · eu: $") {
		t.Errorf("the first finding is %q", finding)
	}
	b.do(chromedp.Click(chromedp.CSS("#slow li a")))
	b.until(`document.getElementById("path").textContent === "All accountsenterprise · euseat"`)
	b.until(`document.querySelectorAll("#slowing a").length > 2`)
	if title := b.text("#accounts-title"); !strings.Contains(title, "enterprise · eu, seat") {
		t.Errorf("the accounts are of %q", title)
	}
	if rate := b.text("#tile-rate-note"); rate != "below benchmark" && rate != "good" {
		t.Errorf("the segment's rate is %q", rate)
	}
	b.picture("drill-down", 1500)
	// From the account's line to its page, where each movement says its rule.
	name := b.text("#slowing a")
	b.do(chromedp.Click(chromedp.CSS("#slowing a")))
	b.until(`!document.getElementById("account-body").hidden`)
	if got := b.text("#account-title"); got != name {
		t.Errorf("the page of %q is of %q", name, got)
	}
	b.until(`document.getElementById("account-proof").className === "proof holds"`)
	b.do(chromedp.Click(chromedp.CSS("#account-movements summary")))
	if why := b.text("#account-movements details[open]"); !strings.Contains(why, "rule ") || !strings.Contains(why, "billing.events partition") {
		t.Errorf("a movement says %q", why)
	}
	b.picture("account", 1200)
	b.accessible("account")
	b.do(chromedp.NavigateBack())
	b.until(`document.getElementById("account").hidden && !document.getElementById("figures").hidden`)
	b.calm()
}

// Everything that a mouse does goes by keyboard.
func TestKeyboard(t *testing.T) {
	b := open(t)
	b.visit(demo(t, whole...))
	b.settled("100,000")
	focused := func(selector string) { b.do(chromedp.Focus(chromedp.CSS(selector))) }
	key := func(keys ...string) {
		for _, k := range keys {
			b.do(chromedp.KeyEvent(k))
		}
	}
	line := `document.activeElement.closest("tr")`
	focused(`#tree tr[tabindex="0"]`)
	key(kb.ArrowDown, kb.ArrowRight)
	b.until(line + `.getAttribute("aria-expanded") === "true"`)
	key(kb.ArrowRight)
	b.until(line + `.getAttribute("aria-level") === "3"`)
	segment := get[string](b, line+`.querySelector("bdi").textContent`)
	key(kb.ArrowLeft)
	b.until(line + `.getAttribute("aria-level") === "2"`)
	key(kb.ArrowLeft)
	b.until(line + `.getAttribute("aria-expanded") === "false"`)
	key(kb.ArrowRight)
	b.until(line + `.getAttribute("aria-expanded") === "true"`)
	key(kb.ArrowDown, kb.Enter)
	b.until(`document.getElementById("path").textContent.includes("` + segment + `")`)
	focused(`#heads button`)
	key(kb.Enter)
	b.until(`document.querySelector("#heads th").getAttribute("aria-sort") === "ascending"`)
	focused(`#rows a`)
	key(kb.Enter)
	b.until(`document.querySelector("#rows tr[aria-current]")`)
	focused("#earlier")
	before := b.text("#period")
	key(kb.Enter)
	b.until(`document.getElementById("period").textContent !== "` + before + `"`)
	b.calm()
}

// tooWide are the elements that reach over the screen's right side and lie in nothing that scrolls by itself.
const tooWide = `((width) => [...document.querySelectorAll("main *, header *")].filter(e => e.getBoundingClientRect().right > width + 1 &&
	!e.closest(".scroll") && e.checkVisibility()).map(e => e.tagName + "#" + e.id + "." + e.getAttribute("class") + " " + Math.round(e.getBoundingClientRect().right)))(%d)`

// The page is right for people who need it dark, narrow or read aloud.
func TestAccessible(t *testing.T) {
	address := demo(t, whole...)
	for _, look := range []struct {
		name   string
		as     func(*tab)
		height int64 // of the picture; 0: none
	}{{"light", func(*tab) {}, 0}, {"dark", (*tab).dark, 1500}, {"phone", (*tab).phone, 1700}} {
		t.Run(look.name, func(t *testing.T) {
			b := open(t)
			look.as(b)
			b.visit(address)
			b.settled("100,000")
			b.until(`document.querySelectorAll("#cohorts td").length > 20 && document.querySelector("#trend canvas")`)
			b.accessible(look.name)
			if wide := get[[]string](b, fmt.Sprintf(tooWide, b.width)); len(wide) > 0 {
				t.Errorf("wider than the screen: %s", wide)
			}
			if out := get[[]string](b, `[...document.querySelectorAll(".card > table")].filter(e => e.getBoundingClientRect().right > e.parentElement.getBoundingClientRect().right).map(e => e.id)`); len(out) > 0 {
				t.Errorf("wider than its card: %s", out)
			}
			if look.height > 0 {
				b.picture(look.name, look.height)
			}
			b.calm()
		})
	}
}
