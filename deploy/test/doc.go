// Package deploy holds no program, only the tests of what the folders beside it deploy: the compose file,
// the Kubernetes manifests, the alert rules and the dashboard. It is a module of its own so that the
// Kubernetes types and the compose loader stay out of the program's go.mod and its vulnerability report.
package deploy
