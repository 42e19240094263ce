# What can be done in this checkout: `make help`. Everything stays in the checkout but Debian's packages, which `setup` says it
# will install before it does.

GO       ?= go
FUZZTIME ?= 10s

# The version is git's name for this commit; a source tree without git has none. Never asked of a repository around the checkout.
VERSION  ?= $(shell [ -e .git ] && git describe --tags --always --dirty 2>/dev/null || echo 0.0.0-dev)

# The caller's flags stay in force. VCS stamping is off because it fails in a checkout that another user owns.
GOFLAGS := $(shell $(GO) env GOFLAGS 2>/dev/null) -buildvcs=false
export GOFLAGS

# Everything but build/ and bin/, which hold data and programs of other users perhaps.
SOURCES := $(wildcard *.go) api cmd internal migrations

.DEFAULT_GOAL := help
.PHONY: help setup build demo test race lint vet staticcheck bench conformance fuzz soak mutate clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

setup: ## install what is missing: PostgreSQL, ClamAV, a C compiler, curl, xmllint, versitygw, staticcheck
	@sh deploy/setup.sh

build: ## build bin/dokumentlager and bin/dlctl
	@mkdir -p bin
	$(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ ./cmd/dokumentlager ./cmd/dlctl

demo: setup build ## show the main job on a whole stack, and leave it running until Ctrl-C (DEMO_ONCE=1: end after the steps)
	@bash deploy/demo.sh

# What needs one processor for long goes beside what mostly waits for a part; vet goes before, for both then find its work done.
test: setup vet ## vet, staticcheck and all tests under the race detector
	@$(MAKE) --no-print-directory -j2 staticcheck race

# The longest first: at the end nothing has to wait for one of them alone.
race:
	$(GO) test -race -vet=off -count=1 -p 3 -parallel 3 -timeout 8m ./internal/mhd ./internal/repository ./internal/faults ./internal/lifecycle ./...

lint: setup vet staticcheck ## go vet, staticcheck and gofmt

# Analysis sees the packages as the tests build them, with -race: then all of it is compiled once.
vet:
	$(GO) vet -race ./...
	@unformatted=$$(gofmt -l $(SOURCES)) && [ -z "$$unformatted" ] || { echo "gofmt -w is needed for:" "$$unformatted"; exit 1; }

staticcheck:
	GOFLAGS="$(GOFLAGS) -race" bin/staticcheck ./...

bench: setup ## measure against clamd, bare SQL and S3; writes build/bench.json
	@mkdir -p build
	$(GO) test -tags bench -count=1 -timeout 30m ./internal/bench -run TestBench -v

# Without Java the validator and IPF are left out, and said to be.
conformance: setup ## replay the messages of NHN, NIST, IHE and others, carry out all of NIST's plans over SOAP, let IPF speak with us, validate every answer
	@sh deploy/validator.sh
	@sh deploy/ipf.sh
	@ready=; [ ! -e build/validator/ready ] || ready=$(CURDIR)/build/validator; ipf=; [ ! -e build/ipf/ready ] || ipf=$(CURDIR)/build/ipf; \
		DOKUMENTLAGER_PLANS=all DOKUMENTLAGER_VALIDATOR=$$ready DOKUMENTLAGER_IPF=$$ipf $(GO) test ./internal/conformance/... -v -count=1

# Go before 1.27 may end a target whose time is up with "context deadline exceeded" (golang/go issue 75804): that is no failing input.
fuzz: setup ## run each fuzz target for FUZZTIME (10s); a failing input, or one that takes over a second, stays in testdata/fuzz
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; ran=0; failed=0; \
	for file in $$(grep -rl --include='*_test.go' '^func Fuzz' $(SOURCES) | sort); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			ran=$$((ran + 1)); \
			if $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "./$$(dirname "$$file")" >"$$log" 2>&1 \
				|| { grep -q 'context deadline exceeded' "$$log" && ! grep -Eq 'Failing input|panic|hung' "$$log"; }; then \
				echo "ok    $$target in $$(dirname "$$file"), $$(grep -o 'execs: [0-9]*' "$$log" | tail -1)"; \
			else \
				failed=$$((failed + 1)); echo "FAIL  $$target in $$(dirname "$$file")"; cat "$$log"; \
			fi; \
		done; \
	done; echo "$$ran targets, $$failed failed"; [ "$$failed" -eq 0 ]

# The three parts one after the other: each would hold up the others' processors.
soak: setup ## kill everything at random under load (SOAK_KILLS=50, SOAK_SEED=n), walk all failpoints, fuzz each target for 60s
	SOAK_KILLS=$${SOAK_KILLS:-50} $(GO) test -count=1 -timeout 0 -v -run '^TestSoak$$' ./internal/faults
	SOAK_WALK=all $(GO) test -race -count=1 -timeout 30m -run '^(TestWalk|TestInspectionBites)$$' ./internal/faults
	@$(MAKE) --no-print-directory fuzz FUZZTIME=$${SOAK_FUZZTIME:-60s}

mutate: ## break each condition, constant and result of internal/access, one at a time, and see its tests fail; takes half an hour
	GOMAXPROCS=1 nice $(GO) test -tags mutate -count=1 -timeout 4h -v -run '^TestMutants$$' ./internal/access

clean: ## remove our programs and build/, the demo's data included; tools that setup installed stay
	rm -rf bin/dokumentlager bin/dlctl build
