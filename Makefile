# `make` lists what there is to make.

CARGO ?= cargo
# Further arguments of `make run`, such as ARGS='--port 9001 --log_level debug'.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build test lint bench completions packages

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and serve on 127.0.0.1:9000 over the embedded store
	$(CARGO) run --release --locked -- serve $(ARGS)

build: ## Build the release binary, target/release/dunder
	$(CARGO) build --release --locked

test: packages lint ## Install what the tests need, check the style, run every test
	$(CARGO) test --locked

lint: ## Check formatting and run clippy
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

bench: packages ## Measure everything against its limit; BENCH_ONLY='POST,import' only some
	$(CARGO) bench --locked --bench load $(if $(BENCH_ONLY),,--bench micro --bench start)

completions: ## Write the shell completions again, after a change of the commands
	$(CARGO) build --locked
	target/debug/dunder completions bash > completions/dunder.bash
	target/debug/dunder completions zsh > completions/_dunder
	target/debug/dunder completions fish > completions/dunder.fish

# The tests and the benchmark run a PostgreSQL of their own; the tests type into
# real shells.
packages:
	@./.ci/packages
