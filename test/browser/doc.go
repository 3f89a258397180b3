// Package browser holds the page against a real browser: it starts the program's demo, drives Chromium, and
// looks at what a person would see. It is a module of its own, so that the browser's protocol stays out of the
// program's modules. `.ci/browser` installs what it needs and runs it.
package browser
