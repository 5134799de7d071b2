# Labelcast: `make run` starts everything, `make test` proves it.

PORT ?= 8080
DATA ?= .labelcast
LABELCAST = target/release/labelcast

.PHONY: run web build test test-rust test-page check format bench clean

run: web build ## Build what is needed and start everything on http://127.0.0.1:$(PORT)
	@exec $(LABELCAST) serve --listen 127.0.0.1:$(PORT) --data $(DATA)

# The page is optional: without Node the server says that it is not built.
web: web/dist/index.html ## Build the page

web/dist/index.html: web/package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	@if command -v npm >/dev/null; then \
		cd web && { [ -d node_modules ] && [ node_modules -nt package-lock.json ] || { npm ci && touch node_modules; }; } && npm run build; \
	else echo "Node is not installed: the page is left out; REST, WebSocket and the command line work without it."; fi

build: ## Build the binary
	cargo build --release --package labelcast

test: web test-rust test-page ## Install what the tests need and run all of them

test-rust: ## Unit, property, contract and end-to-end tests
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace; fi

target/emulator/bin/ministack:
	python3 -m venv target/emulator
	target/emulator/bin/pip install --quiet ministack==1.5.33 cryptography

emulator: target/emulator/bin/ministack ## Install the emulator of AWS that tests run against

test-page: web ## The page: its logic, and the page itself in a real browser
	cd web && npm test
	cargo build --package labelcast
	tests/page/run

check: ## Formatting, lints, types
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	cd web && npm run check && npm run lint && npm run format:check

format: ## Format everything
	cargo fmt --all
	cd web && npm run format

bench: web ## Measure fan-out, filters, uploads and search (the server has one core, the client the other)
	cargo build --release --package labelcast --package labelcast-tests
	ulimit -n 20000; taskset -c 1 target/release/bench

clean: ## Remove what was built
	cargo clean
	rm -rf web/dist web/node_modules
