package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"processor/internal/money"
)

// ownTopics are the names that follow output.prefix. Reading one of them as a source would feed
// the program its own rows.
var ownTopics = []string{
	"movements", "accounts", "account_months", "metrics", "vintage", "alerts", "signals", "signal_metrics",
	"dead-letters", "progress", "partials", "state",
}

func checkBroker(text string) string {
	host, port, err := net.SplitHostPort(text)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 ||
		host == "" || strings.ContainsAny(host, "@/ \t,") {
		return "must be host:port such as kafka-1:9092"
	}
	return ""
}

func checkAddress(text string) string {
	_, port, err := net.SplitHostPort(text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "must be host:port such as 127.0.0.1:8080"
	}
	return ""
}

// checkAdvertised takes a base address without a query: paths are put behind it.
func checkAdvertised(text string) string {
	u, err := url.Parse(strings.ReplaceAll(text, OrdinalMark, "0"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(text, "/") {
		return "must be the address of this instance, such as http://processor-0.processor:8080"
	}
	return ""
}

// checkOrdinal takes what instance.ordinal may be.
func checkOrdinal(text string) string {
	if _, err := strconv.ParseUint(text, 10, 16); err != nil && text != "auto" {
		return "must be auto, or a whole number from 0"
	}
	return ""
}

// checkTarget takes where requests may be sent. It does not say what it was given: it may be a secret.
func checkTarget(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "must be a URL such as https://alerts.example/hook, without user and password"
	}
	return ""
}

func checkName(text string) string {
	if len(text) > 249 || strings.ContainsFunc(text, unicode.IsControl) {
		return "must be at most 249 bytes without control characters"
	}
	return ""
}

// checkTopic applies Kafka's own rule for names of topics.
func checkTopic(text string) string {
	if text == "." || text == ".." || !isTopicText(text) || len(text) > 249 {
		return "must be 1 to 249 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen"
	}
	return ""
}

// checkPrefix leaves room for the longest name that follows it.
func checkPrefix(text string) string {
	if !isTopicText(text) || len(text) > 200 {
		return "must be 1 to 200 of the characters a-z, A-Z, 0-9, dot, underscore and hyphen"
	}
	return ""
}

func isTopicText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	})
}

func checkCurrency(text string) string {
	if _, ok := money.Currency(text); !ok {
		return "must be an ISO 4217 code such as USD"
	}
	return ""
}

// checkDimension says what is wrong with the name of a dimension. A comma would make the name of
// the grouping in rows ambiguous.
func checkDimension(text string) string {
	switch {
	case text == "all":
		return "all is reserved: it is always there"
	case strings.ContainsRune(text, ',') || strings.ContainsFunc(text, unicode.IsControl) || len(text) > 128:
		return "the name of a dimension has at most 128 bytes, no comma and no control characters"
	default:
		return missing("groupings", text)
	}
}

// checkTogether checks what no key can be blamed for alone.
func (l *loader) checkTogether() {
	l.checkRates()
	l.checkPlan()
	if l.purpose == ForReplay || l.purpose == ForRules {
		return
	}
	for _, path := range runNeeds {
		if _, set := l.config.values[path]; l.purpose == ForRun && !set && !l.bad[path] {
			l.complain(l.place(path), path, "is missing; run needs it")
		}
	}
	l.checkTLS()
	l.checkSASL()
	l.checkHTTP()
	l.checkRegistry()
	l.checkLoop()
}

// place is where a key stands, or where it would have to be added.
func (l *loader) place(path string) Origin {
	if n := l.found[path]; n != nil {
		return n.at
	}
	return Origin{File: l.file, Line: min(len(l.file), 1), Column: 1}
}

// isSet says whether somebody wrote the key, and rightly.
func (l *loader) isSet(path string) bool { return l.found[path] != nil && !l.bad[path] }

// checkRates refuses a rate for the reporting currency: it could only repeat or contradict 1.
func (l *loader) checkRates() {
	for _, table := range l.config.Reporting.Rates {
		for _, rate := range table.Rates {
			if rate.Currency == l.config.Reporting.Currency && !l.bad["reporting.rates"] {
				l.complain(l.place("reporting.rates"), "reporting.rates",
					"%s is the reporting currency: it needs no rate", rate.Currency)
			}
		}
	}
}

// checkURL wants the address of a server, without a password in it.
func checkURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "must be the URL of a server such as https://registry.internal:8081, without user name and password"
	}
	return ""
}

// isPrivateURL says whether nobody else can read what goes to a server.
func isPrivateURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || isLoopback(u.Hostname()))
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkLoop refuses to read the program's own rows as events.
func (l *loader) checkLoop() {
	for _, source := range l.config.Sources {
		name, own := strings.CutPrefix(source.Topic, l.config.Output.Prefix)
		if own && slices.Contains(ownTopics, name) {
			l.complain(l.place("sources"), "sources[].topic", "a source is the topic %s that this program writes",
				"<output.prefix>"+name)
		}
	}
}
