# `make` alone says what there is. CI runs .ci/run, which is `make check` and the parts that need a broker.

GO       ?= go
LINT     := $(GO) tool -modfile=tools/go.mod golangci-lint
VULN     := $(GO) -C tools tool govulncheck -C ..
FUZZTIME ?= 30s

.DEFAULT_GOAL := help

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## The program, as ./processor
	$(GO) build -trimpath -o processor ./cmd/processor

.PHONY: check
check: fmt-check lint vet tidy-check race deploy ## What CI checks without a broker: run it before a pull request

.PHONY: test
test: ## All tests
	$(GO) test ./...

.PHONY: race
race: ## All tests with the race detector, in another order each time
	$(GO) test -race -short -shuffle=on ./...

.PHONY: browser
browser: ## The page in a real Chromium, with axe-core (PICTURES=docs/images takes the pictures of the docs anew)
	.ci/browser

.PHONY: test-kafka
test-kafka: ## The tests of everything that talks to Kafka, against a real broker that it starts
	.ci/with-kafka $(GO) test -count=1 ./internal/broker/... ./internal/consumer/... ./internal/sink/... ./internal/intake/... ./internal/pipeline/...

.PHONY: chaos
chaos: ## Kill, pause and cut off processors and brokers (SEED=1 MINUTES=5 FLAGS=...), then check every row
	.ci/chaos -seed $(or $(SEED),1) -minutes $(or $(MINUTES),5) $(FLAGS)

.PHONY: bench-service
bench-service: build ## The service beside its ceilings on a real broker that it starts; minutes (FLAGS="-events 1000000 -rounds 3")
	.ci/with-kafka $(GO) run ./bench $(FLAGS)

.PHONY: bench-all
bench-all: build ## Everything, beside Kafka Streams: two million events, five rounds, an hour or more
	.ci/with-kafka $(GO) run ./bench -peers -events 2000000 -accounts 100000 -rounds 5

.PHONY: bench-latency
bench-latency: build ## From an event to its rows at a steady rate, on a real broker that it starts (FLAGS="-rate 5000 -for 1m")
	.ci/with-kafka $(GO) run ./bench -latency $(FLAGS)

.PHONY: bench-failover
bench-failover: build ## From a kill to the next rows, by store and delivery, on a real broker that it starts; six minutes
	.ci/with-kafka $(GO) run ./bench -failover -rate 1000 -accounts 5000 -partitions 4 -for 40s $(FLAGS)

.PHONY: bench-scale
bench-scale: ## Ten million accounts with a year of history, in the core alone: 15 GB, three minutes (SCALE=1000000)
	GOMEMLIMIT=14GiB GOGC=400 $(GO) test ./internal/aggregate -run xxx -bench 'Scale$$' -benchtime 1x -args -scale $(or $(SCALE),10000000)

.PHONY: bench-quick
bench-quick: build ## The same in small, on a broker inside the benchmark; under a minute
	$(GO) run ./bench -embedded -events 100000 -accounts 10000 -rounds 1

.PHONY: bench-guard
bench-guard: ## Instructions and allocations of the core beside bench/guard/baseline.txt; needs valgrind; two minutes
	$(GO) run ./bench/guard

.PHONY: bench-curves
bench-curves: ## The cost of an event and the size of an account as a company grows, in the core alone; five minutes
	$(GO) run ./bench -curves

.PHONY: deploy
deploy: ## The tests of compose, Kubernetes, alert rules and dashboard
	.ci/deploy

.PHONY: rules
rules: ## Copy the alert rules into the Kubernetes resource
	cd deploy/test && $(GO) test -run TestPrometheusRuleHasTheSameRules . -rewrite

.PHONY: release
release: ## The archives of a release, in dist/: make release VERSION=1.2.3
	.ci/release $(VERSION)

.PHONY: fmt
fmt: ## Format
	$(LINT) fmt

.PHONY: fmt-check
fmt-check: ## Fail when something is not formatted
	$(LINT) fmt --diff

.PHONY: lint
lint: ## Lint
	$(LINT) run ./...

.PHONY: vet
vet: ## go vet, here and in the modules beside
	$(GO) vet ./...
	cd deploy/test && $(GO) vet ./...

.PHONY: tidy-check
tidy-check: ## Fail when a go.mod names too much or too little
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	cd tools/mutation && $(GO) mod tidy -diff
	cd deploy/test && $(GO) mod tidy -diff

.PHONY: vuln
vuln: ## Known vulnerabilities that the program reaches (asks the Go vulnerability database)
	$(VULN) ./...

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (30s) each
	.ci/fuzz $(FUZZTIME)

.PHONY: mutation
mutation: ## Mutation tests of internal/aggregate: an hour; FILES="fold.go part.go" for some of its files
	.ci/mutation $(FILES)

SEEDS ?= 100000

.PHONY: simulate
simulate: ## SEEDS (100000) crash schedules of the service; a failure names its seed, SIM_SEED=n make simulate shows its steps
	SIM_SEEDS=$(SEEDS) $(GO) test ./internal/pipeline -run '^TestSimulation$$' -count=1 -timeout 0 -v

.PHONY: planted
planted: ## The program with one deliberate mistake at a time: does a harness find it?
	.ci/planted

.PHONY: bench
bench: ## Benchmarks; compare two runs with benchstat
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: cover
cover: ## Coverage by function, and cover.html
	mkdir -p .cache
	$(GO) test -coverprofile=.cache/cover.out ./...
	$(GO) tool cover -func=.cache/cover.out
	$(GO) tool cover -html=.cache/cover.out -o .cache/cover.html

.PHONY: vectors
vectors: build ## The golden cases (VECTORS=folder), in other orders and with late duplicates too
	.ci/vectors

.PHONY: demo
demo: build ## A made-up company, a broker in the process and the dashboard on 127.0.0.1:8080
	./processor demo

.PHONY: up
up: ## Kafka, processor, Prometheus, Grafana and a made-up company in containers (PROFILES="ui" without the company)
	docker compose $(addprefix --profile ,$(or $(PROFILES),demo ui)) up --build --detach

.PHONY: down
down: ## Stop them; their volumes stay
	docker compose --profile "*" down
