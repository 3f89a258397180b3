package config

import "strings"

// OrdinalMark stands for an instance's number in http.advertise.
const OrdinalMark = "{ordinal}"

// streamsRoom is how many connections streams leave for other requests.
const streamsRoom = 16

// checkHTTP refuses to serve numbers to a network without asking who reads them, and settings that
// contradict each other. What stands in the web configuration file is checked by who reads it.
func (l *loader) checkHTTP() {
	h := &l.config.HTTP
	if !l.bad["http.address"] && !h.Insecure && h.WebConfigFile == "" && !IsLoopback(h.Address) {
		l.complain(l.place("http.address"), "http.address", "reaches beyond this machine without authentication; "+
			"use a loopback address, name users in http.web_config_file, or set http.insecure: true to let anyone read everything")
	}
	if h.DebugAddress != "" && !l.bad["http.debug_address"] {
		if !IsLoopback(h.DebugAddress) {
			l.complain(l.place("http.debug_address"), "http.debug_address", "must be a loopback address such as 127.0.0.1:6060: a profile tells what the process has in memory")
		} else if h.WebConfigFile == "" {
			l.complain(l.place("http.debug_address"), "http.debug_address", "is for admins: name a file with some in http.web_config_file")
		}
	}
	if !l.bad["http.max_streams"] && !l.bad["http.max_connections"] && h.MaxStreams > h.MaxConnections-streamsRoom {
		l.complain(l.place("http.max_streams"), "http.max_streams", "must be at least %d less than http.max_connections (%d), which leaves room for other requests",
			streamsRoom, h.MaxConnections)
	}
	if h.Advertise == "" || l.bad["http.advertise"] || l.bad["instance.count"] {
		return
	}
	switch marked, several := strings.Contains(h.Advertise, OrdinalMark), l.config.Instance.Count > 1; {
	case marked && !several:
		l.complain(l.place("http.advertise"), "http.advertise", "%s stands for an instance's number where instance.count is more than 1; use an address of this instance alone", OrdinalMark)
	case several && !marked:
		l.complain(l.place("http.advertise"), "http.advertise", "needs %s in the place of the instance's number, because instance.count is more than 1: "+
			"http://processor-%s.processor:8080", OrdinalMark, OrdinalMark)
	}
}
