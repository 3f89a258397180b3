// Package deploy holds no program, only the tests of what the folders beside it deploy: the compose file,
// the Kubernetes manifests, the alert rules and the dashboard. It is a module of its own so that the
// Kubernetes types and the compose loader stay out of the program's go.mod and its vulnerability report.
//
// Run it with -count=1, as `make deploy` does: the files it reads lie outside the module, where the test
// cache does not look, so after a change in one of them plain `go test` still says ok (cached).
package deploy
