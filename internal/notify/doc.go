// Package notify tells others of alerts: a webhook of each change of state, Alertmanagers of whatever
// fires, again and again. It never slows what it is told by: alerts are left in a bounded list and sent by
// goroutines of its own. It must never decide whether there is an alert, and never log an address or a
// header, which are secrets.
package notify
