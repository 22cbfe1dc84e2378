# The two commands of the project, on a Debian machine with git, make and Rust:
#
#   make release    sets up what is needed and releases mod_wsgi into dist/
#   make test       sets up what is needed and runs every check and test
#
# `make release ARGS='--module-version 4.9.4'` passes arguments on to `modfarm release`.

CARGO ?= cargo
TOOLS := .modfarm/tools
DENY := $(TOOLS)/bin/cargo-deny
DENY_VERSION := 0.20.2
PEFILE_VERSION := 2024.8.26

.PHONY: release test test-long kills kit clients windows build check deny bench clean

release: build kit
	target/release/modfarm release $(ARGS)

build:
	$(CARGO) build --release --locked

# Compilers, headers and import libraries: see runners/cross/README.md. A second time costs nothing.
kit:
	runners/cross/setup

test: kit clients windows check deny $(TOOLS)/python/pefile.py
	MODFARM_TEST_PYTHONPATH=$(CURDIR)/$(TOOLS)/python $(CARGO) test --locked

# What takes minutes: fifty Apaches one after the other, twenty at once.
test-long: kit
	$(CARGO) test --locked -- --ignored
# 200 runs of a publisher and 100 releases, each killed at some moment and resumed. `make test` has 15 and 8
# of them.
kills: kit clients
	$(CARGO) test --locked --test whole_program -- --ignored two_hundred_killed_runs a_hundred_killed_releases

# The clients of GitHub that the tests try their stand-in for it with.
clients:
	tests/tools/setup $(TOOLS)/clients

# The program for Windows, for the tests under Wine: see runners/windows/setup. A second time it looks
# and does no more.
windows: | kit
	runners/windows/setup

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

# Licences, bans and sources of what is linked. Advisories need a database of their own and are not
# asked for here.
deny: $(DENY)-$(DENY_VERSION)
	$< --config .config/deny.toml check --hide-inclusion-graph licenses bans sources

# Built without optimisation: it runs for a second and is compiled in a third of the time.
$(DENY)-$(DENY_VERSION):
	$(CARGO) install cargo-deny --locked --debug --root $(TOOLS) --version $(DENY_VERSION)
	mv $(DENY) $@

# Somebody else's reader of Windows binaries, to agree with ours.
$(TOOLS)/python/pefile.py: | kit
	python3 -m pip install --quiet --disable-pip-version-check --target $(TOOLS)/python pefile==$(PEFILE_VERSION)

# The measurements of the README, each alone: make bench, or cargo bench --bench NAME.
bench: build kit $(TOOLS)/python/pefile.py
	MODFARM_TEST_PYTHONPATH=$(CURDIR)/$(TOOLS)/python $(CARGO) bench --locked

clean:
	$(CARGO) clean
	rm -rf dist
