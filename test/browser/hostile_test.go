package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// hostile are names as somebody from outside may choose them.
var hostile = []string{
	`"><img src=x onerror=window.ran=1>`, `</script><script>window.ran=1</script>`, "\u202eevil\u202c", "nul\x00byte", "\u2028line separator",
	strings.Repeat("long", 2560), `{"a":1}`, "'; --", "=cmd()", `javascript:window.ran=1`, "<svg/onload=window.ran=1>", "a,b%2C&amp;", "?segment=x&type=y#z",
}

// Whatever an account or a segment is called, the page shows it as text, and runs nothing of it.
func TestHostileNamesAreText(t *testing.T) {
	var lines []string
	for i, name := range hostile {
		attribute, _ := json.Marshal(name)
		account := fmt.Sprintf("acct%d %s", i, name)
		if len(account) > 200 {
			account = account[:200] // ids are bounded, names less so
		}
		id, _ := json.Marshal(strings.ReplaceAll(account, "\x00", "0"))
		lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"a%d","source":"s","type":"account.changed","subject":%s,"time":"2026-01-02T10:00:00Z","data":{"name":%s,"attributes":{"region":%s}}}`, i, id, attribute, attribute))
		for j, seats := range []int{4, 9} {
			lines = append(lines, fmt.Sprintf(`{"specversion":"1.0","id":"e%d-%d","source":"s","type":"subscription.changed","subject":%s,"time":"2026-0%d-20T10:00:00Z","data":{"subscription":"sub%d","status":"active","items":[{"item":"seats","product":"suite","plan":"pro","quantity":"%d","unit_price":"25","currency":"USD","interval":{"unit":"month","count":1}}]}}`, i, j, id, j+1, i, seats))
		}
	}
	b := open(t)
	address := demo(t, "--file", events(t, lines...))
	b.visit(address)
	b.settled(fmt.Sprint(len(lines)))
	b.until(`document.querySelectorAll("#rows tr").length >= 10 && document.querySelectorAll("#expanding a").length >= 5`)
	shown := get[string](b, `document.getElementById("rows").textContent + document.getElementById("expanding").textContent`)
	if !strings.Contains(shown, `"><img src=x onerror=window.ran=1>`) {
		t.Errorf("the name is not shown as it is: %.400s", shown)
	}
	if strings.ContainsAny(shown, "\u202e\x00") {
		t.Error("a name turns the text around")
	}
	b.accessible("hostile names")
	b.phone()
	if wide := get[[]string](b, fmt.Sprintf(tooWide, b.width)); len(wide) > 0 {
		t.Errorf("wider than the screen: %s", wide)
	}
	// Each link leads to what it names, and so does an address that somebody was sent.
	for i := range get[int](b, `document.querySelectorAll("#expanding a").length`) {
		b.visit(address)
		b.until(fmt.Sprintf(`document.querySelectorAll("#expanding a").length > %d`, i))
		id := get[string](b, fmt.Sprintf(`document.querySelectorAll("#expanding a")[%d].title`, i))
		get[any](b, fmt.Sprintf(`document.querySelectorAll("#expanding a")[%d].click()`, i))
		b.until(`!document.getElementById("account-body").hidden || document.getElementById("account-note").textContent.includes("no such")`)
		if note := b.text("#account-note"); note != "" {
			t.Errorf("%q: %s", id, note)
		}
	}
	for _, query := range []string{"account", "segment", "grouping", "period", "interval", "type"} {
		b.do(chromedp.Navigate(address + "/?" + query + "=" + url.QueryEscape(hostile[0])))
		b.until(`document.readyState === "complete" && document.getElementById("live").textContent === "live"`)
	}
	if found := get[string](b, "String(window.ran) + document.querySelectorAll('img, main script, svg[onload]').length"); found != "undefined0" {
		t.Errorf("something was run or built: %s", found)
	}
	for _, trouble := range b.troubles {
		if !strings.Contains(trouble, "status of 404") { // of the addresses that name nothing
			t.Error(trouble)
		}
	}
}
