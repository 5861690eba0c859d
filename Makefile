# Leveret's verbs. Type `make` to list them.
#
# Variables: PREFIX (where `install` goes, /usr/local), DESTDIR, LTO=false (no link-time optimization),
# UI=false (no management page, so that neither node nor npm is needed),
# RABBITMQ_NAMES=true (`install` adds the names of RabbitMQ's tools: rabbitmqctl ...),
# CC, ARGS (for `run`: make run ARGS="--log-level debug"; for `bench`: ARGS="--quick"; for `moving-check`: ARGS="--queues 50"),
# KEEP=1 (for `demo`: leave it running), SEEDS and FIRST and WORLD (for `soak`: how many worlds, 0 without end, from which seed on;
# store or features),
# KILLS (for `crash`: how many), ATTACKS (for `hostile`: their names; none: all).

PREFIX ?= /usr/local
DESTDIR ?=
LTO ?= true
UI ?= true
RABBITMQ_NAMES ?= false
ARGS ?=
KEEP ?=
SEEDS ?= 0
FIRST ?= 1
WORLD ?= store
KILLS ?= 200
ATTACKS ?=
BUILD = build

export KEEP
# Where ccache is there: the compiler tells it what a file includes, so that the preprocessor need not run before.
export CCACHE_DEPEND ?= 1

# Lines of the form `verb: ... ## what it does` are the help.
.PHONY: help
help: ## list the verbs
	@echo "Leveret, a message broker that speaks AMQP 0-9-1. On a fresh Debian 12:"
	@echo
	@echo "    make demo     watch an order travel through the broker"
	@echo "    make test     run every test"
	@echo
	@echo "All verbs:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "    make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: ## install what is missing (Debian packages; npm packages for the tests)
	@scripts/setup build demo test

.PHONY: build
build: ## build build/leveretd and build/leveretctl
	@scripts/setup build
	@scripts/configure $(BUILD) -Dtests=false -Db_lto=$(LTO) -Dui=$(UI) --prefix=$(PREFIX) \
		-Drabbitmq_names=$(RABBITMQ_NAMES) \
		-Ddemo=$$(pkg-config --exists librabbitmq libcurl libmicrohttpd && echo true || echo false)
	@ninja -C $(BUILD)

.PHONY: run
run: build ## run the broker on port 5672 (ARGS="..." are its flags)
	@exec $(BUILD)/leveretd $(ARGS)

.PHONY: demo
demo: ## the order system: shop, mail and report, through the broker (KEEP=1 leaves it running)
	@scripts/setup build demo
	@$(MAKE) --no-print-directory build
	@scripts/demo

.PHONY: check
check: ## the unit tests alone: seconds
	@scripts/setup build test
	@scripts/configure $(BUILD)-check -Dtests=true -Dwerror=true
	@ninja -C $(BUILD)-check
	@meson test -C $(BUILD)-check --no-rebuild --suite unit --print-errorlogs

.PHONY: soak
soak: ## simulated crashes, world after world (SEEDS=100000 FIRST=1; WORLD=features: of all features at once)
	@scripts/setup build test
	@scripts/configure $(BUILD)-check -Dtests=true -Dwerror=true
	@ninja -C $(BUILD)-check tests/broker-test_sim_$(WORLD)
	@$(BUILD)-check/tests/broker-test_sim_$(WORLD) --soak $(SEEDS) $(FIRST)

.PHONY: test
test: ## every test: unit, fuzz and integration, plain and with sanitizers
	@scripts/setup build demo test
	@scripts/test

.PHONY: crash
crash: build ## kill -9 under load, KILLS=200 times, and look at every message after each
	@scripts/setup build test
	@scripts/configure $(BUILD)-check -Dtests=true -Dwerror=true
	@ninja -C $(BUILD)-check tests/crash/kill_test
	@$(BUILD)-check/tests/crash/kill_test --broker $(BUILD)/leveretd --kills $(KILLS)

.PHONY: hostile
hostile: build ## attack the broker, and measure what innocent clients feel (ATTACKS="login_flood ..."; default: all)
	@scripts/setup build test
	@LEVERETD=$(BUILD)/leveretd /usr/bin/python3 tests/hostile/hostile.py $(ATTACKS)

.PHONY: screenshots
screenshots: build ## a picture of every page, light and dark, wide and narrow, in build/screenshots/
	@scripts/setup build test
	@LEVERETD=$(BUILD)/leveretd node tests/browser/screenshots.mjs $(ARGS)

.PHONY: bench
bench: build ## measure beside RabbitMQ (ARGS="--quick"; bench/README.md)
	@scripts/bench $(ARGS)

.PHONY: fmt
fmt: ## format the C sources (clang-format)
	@scripts/format

.PHONY: lint
lint: ## clang-format, clang-tidy, and the order of the rooms
	@scripts/lint

.PHONY: install
install: build ## install to PREFIX (/usr/local), below DESTDIR
	@DESTDIR="$(DESTDIR)" meson install -C $(BUILD) --no-rebuild

.PHONY: dist
dist: ## an archive of the sources, which builds without node and network: build-dist/
	@scripts/setup build
	@scripts/deb dist

.PHONY: dist-check
dist-check: dist ## build that archive where there is neither network nor node (minutes)
	@tests/packages/check_dist

.PHONY: deb
deb: ## Debian packages, in build-deb/
	@scripts/setup build package
	@scripts/deb build
	@scripts/deb check

.PHONY: deb-check
deb-check: deb ## install them on a new Debian that systemd boots, upgrade under load, remove, purge (root; minutes)
	@tests/packages/check_packages.py

.PHONY: image-check
image-check: ## build the image of the Dockerfile, and start, kill, stop and replace its container (docker or podman; minutes)
	@tests/packages/check_image.py

.PHONY: moving-check
moving-check: build ## move a RabbitMQ over and back, while clients work and everything is killed (minutes)
	@scripts/setup build test
	@LEVERETD=$(BUILD)/leveretd /usr/bin/python3 tests/moving/moving_scene.py $(ARGS)

.PHONY: clean
clean: ## remove what was built
	@rm -rf $(BUILD) $(BUILD)-*
