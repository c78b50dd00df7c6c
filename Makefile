# The first target is what "make" alone does. Text after ## is what "make help" prints.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

GO      ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/everpoint/everpoint/internal/cli.version=$(VERSION)
export CGO_ENABLED ?= 0

# Tools and test environments live beside the engines and models, so that a fresh clone does not fetch them again.
CACHE   := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(if $(filter Darwin,$(shell uname -s)),$(HOME)/Library/Caches,$(HOME)/.cache))/everpoint

LINT_VERSION := v2.15.0
LINT         := $(CACHE)/tools/golangci-lint-$(LINT_VERSION)

# SMALL=1 takes the small chat model in place of the default one.
SMALL_FLAG := $(if $(filter-out 0,$(SMALL)),--small)

##@ Run
.PHONY: help
help: ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: build ## Build, fetch engine and models, serve on 127.0.0.1:8080 (SMALL=1: small model; ARGS="…": more flags for serve)
	@bin/everpoint engines install
	@bin/everpoint models pull $(SMALL_FLAG)
	@exec bin/everpoint serve $(SMALL_FLAG) $(ARGS)

.PHONY: build
build: ## Build bin/everpoint
	@scripts/need.sh go
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/everpoint ./cmd/everpoint

##@ Test
.PHONY: test
test: ## Everything: check, race detector, real model, every database, fuzzing, all SDKs
	@scripts/test.sh

.PHONY: check
check: ## The quick part: format, vet, linters, unit tests, the program for every system
	@scripts/check.sh

.PHONY: lint
lint: $(LINT) ## The linters alone
	$(LINT) run --allow-serial-runners ./...

$(LINT):
	@echo "Building golangci-lint $(LINT_VERSION), once; this takes some minutes."
	@mkdir -p $(dir $(LINT))
	@tmp=$$(mktemp -d); GOBIN="$$tmp" $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION); mv "$$tmp/golangci-lint" $(LINT); rmdir "$$tmp"

##@ Measure
.PHONY: bench
bench: build ## What Everpoint adds to an engine called directly: time, memory, tokens per second (ARGS="--json" and more)
	@$(GO) run ./bench $(ARGS)

.PHONY: eval-json
eval-json: build ## How many of 100 replies in JSON from the small model are valid
	@$(GO) run ./eval $(ARGS)

##@ Clean
.PHONY: clean
clean: ## Remove what was built here; engines and models in the user's cache stay
	rm -rf bin dist
