# `make` lists what there is to make.

CARGO ?= cargo
# The commit that is built, for dunder_build_info of /metrics.
ifndef GIT_REVISION
GIT_REVISION := $(shell git rev-parse --short HEAD 2>/dev/null)
endif
RELEASE = GIT_REVISION='$(GIT_REVISION)' $(CARGO)
# Where `make install` puts things; DESTDIR before it is for packages.
PREFIX ?= $(HOME)/.local
DESTDIR ?=
BINARY ?= target/release/dunder
# Further arguments of `make run`, such as ARGS='--port 9001 --log_level debug'.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run build install uninstall deb deb-files test lint bench completions readme packages FORCE

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build and serve on 127.0.0.1:9000 over the embedded store
	$(RELEASE) run --release --locked -- serve $(ARGS)

build: ## Build the release binary, target/release/dunder
	$(RELEASE) build --release --locked

install: $(BINARY) ## Install program, man pages and completions below PREFIX (~/.local)
	mkdir -p '$(TO)/bin' '$(TO)/$(BASH)' '$(TO)/$(ZSH)' '$(TO)/$(FISH)'
	install -m 755 '$(BINARY)' '$(TO)/bin/dunder'
	install -m 644 completions/dunder.bash '$(TO)/$(BASH)/dunder'
	install -m 644 completions/_dunder '$(TO)/$(ZSH)/_dunder'
	install -m 644 completions/dunder.fish '$(TO)/$(FISH)/dunder.fish'
	'$(TO)/bin/dunder' man '$(TO)/share/man'
	@case ":$$PATH:" in *':$(PREFIX)/bin:'*) ;; *) \
	    echo "$(PREFIX)/bin is not on your path yet: log in again if it was made just now, or add it to PATH" ;; esac

uninstall: ## Remove what `make install` put below PREFIX; messages and settings stay
	rm -f '$(TO)/bin/dunder' '$(TO)/$(BASH)/dunder' '$(TO)/$(ZSH)/_dunder' '$(TO)/$(FISH)/dunder.fish'
	rm -f '$(TO)'/share/man/man1/dunder.1 '$(TO)'/share/man/man1/dunder-*.1 '$(TO)'/share/man/man7/dunder-*.7

# A package or another user may install what was built before.
target/release/dunder: FORCE
	@if command -v $(CARGO) >/dev/null; then $(RELEASE) build --release --locked; fi

TO = $(DESTDIR)$(PREFIX)
BASH = share/bash-completion/completions
ZSH = share/zsh/site-functions
FISH = share/fish/vendor_completions.d

deb: build deb-files ## Build a Debian package in target/debian; needs `cargo install cargo-deb`
	$(CARGO) deb --no-build --locked

# What the package has that the repository has not. Programs of packages are in
# /usr/bin, and their manuals are there.
deb-files: $(BINARY)
	rm -rf target/deb
	mkdir -p target/deb/systemd
	'$(BINARY)' man target/deb/man
	for unit in dunder.service dunder.socket; do \
	    sed -e 's|/usr/local/bin/|/usr/bin/|' -e 's|^# dunder on one host.*|# dunder on one host, with settings in /etc/dunder/config.yaml:|' \
	        -e '/^# dunder.socket in .etc.systemd.system, and/d' \
	        -e 's|^Description=.*|&\nDocumentation=man:dunder-serve(1) man:dunder-configuration(7)|' deploy/systemd/$$unit > target/deb/systemd/$$unit || exit 1; done
	version="$$('$(BINARY)' --version | cut -d ' ' -f 2)" && \
	    maintainer="$$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)" && \
	    when="$$(date -Ru -d "@$$(git log -1 --format=%ct 2>/dev/null || date +%s)")" && \
	    printf 'dunder (%s-1) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' \
	        "$$version" "$$version" "$$maintainer" "$$when" > target/deb/changelog

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

readme: ## Run the commands in the README's blocks and write what they print into it
	README=write $(CARGO) test --locked --test it cli::readme

# The tests and the benchmark run a PostgreSQL of their own; the tests type into
# real shells.
packages:
	@./.ci/packages
