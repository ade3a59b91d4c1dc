# `make run` and `make test` are all a newcomer needs; the rest is for those who change the code.
PYTHON ?= python3
BIN := .venv/bin

# Installs what `make run` needs and starts nothing.
install: .venv/.run

.PHONY: install run test lint bench bench-picture simulate outages mutants crash faults fuzz-vault conformance supervision-storm replay-updates rotation paced day retention runbooks pictures program lock clean

run: .venv/.run
	exec $(BIN)/bot run

# Two processes, because most of the time of the real tests is waiting (WORKERS=3 for more); one file stays together, and
# tests/conftest.py says which files begin. Every bot that they start imports all of it: an environment that forbids Python
# to keep what it compiled would have each compile it anew.
WORKERS ?= 2
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/flake8-async --enable=ASYNC --disable=ASYNC9,ASYNC127 $$(find bot actors -name "*.py")
	$(BIN)/mypy

bench: .venv/.dev
	$(BIN)/python -m tests.bench

# Draws docs/pictures/benchmarks.svg from the table in docs/benchmarks.md.
bench-picture:
	$(PYTHON) docs/draw_benchmarks.py

# The whole bot on its in-memory twins in virtual time, under seeded faults; 1000 seeds take some minutes. SEED=7 plays one
# again and prints all of it.
SEEDS ?= 1000
simulate: .venv/.dev
	$(BIN)/python -m tests.simulation.campaign $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

# Takes every service away in the middle of an order, alone and two at a time, in virtual time, and prints what happened in
# each cell; two minutes.
outages: .venv/.dev
	$(BIN)/python -m tests.outages.matrix

# Brings classic mistakes back into a copy of the source, one at a time, and prints which check catches each; minutes.
mutants: .venv/.dev
	$(BIN)/python -m tests.mutants.campaign

# Ends the bot at every point of the money path, in virtual time and by SIGKILL, then at random moments, and holds its books
# against the chain; about half an hour. POINTS=virtual leaves out the real ones, SEED=7 repeats the random ones.
KILLS ?= 10
POINTS ?= all
crash: .venv/.dev
	$(BIN)/python -m tests.crash.campaign --points $(POINTS) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

# Asks the vault for signatures as somebody would who holds its socket and every wallet's row, and carries out on the local
# chain whatever it signs; 100,000 requests take about two minutes. SEED=7 repeats one.
REQUESTS ?= 100000
fuzz-vault: .venv/.dev
	$(BIN)/python -m tests.vault.fuzz.campaign --requests $(REQUESTS) $(if $(SEED),--seed $(SEED))

# Rotates the master key of a thousand wallets on PostgreSQL while exits are signed, and again with kills in between, and prints how
# long signatures took beside a quiet while; about a minute. SEED=7 draws the same kills again.
WALLETS ?= 1000
rotation: .venv/.dev
	$(BIN)/python -m tests.vault.rotation_campaign --wallets $(WALLETS) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

# Brings updates twice, late and out of order to the real bot, kills it three times, and counts what came of each command;
# about four minutes. SEED=7 draws the same again.
UPDATES ?= 10000
replay-updates: .venv/.dev
	$(BIN)/python -m tests.telegram.replay_campaign --updates $(UPDATES) $(if $(SEED),--seed $(SEED))

# Plays a market on the real clock, by a bot on a PostgreSQL of its own, and as a backtest, and holds decisions and fills of
# both against each other; MINUTES of market at SPEED, some minutes. MARKET=FILE plays a recording.
SPEED ?= 10
MINUTES ?= 10
paced: .venv/.dev
	$(BIN)/python -m tests.backtest.paced_campaign --speed $(SPEED) --minutes $(MINUTES) $(MARKET)

# A day of the whole bot in virtual time with people on Telegram, snipers, followers and a market, weighed every hour: memory,
# tasks, handles, rows. 1 where anything is not flat; half an hour. SEED=7 draws another day, REMEMBERED=128 has the bot remember so
# much of each thing at most, which a day fills.
HOURS ?= 24
PEOPLE ?= 20
day: .venv/.dev
	$(BIN)/python -m tests.day.campaign --hours $(HOURS) --people $(PEOPLE) $(if $(SEED),--seed $(SEED)) $(if $(REMEMBERED),--remembered $(REMEMBERED))

# What the database keeps for a time, 200 days of it written to a real PostgreSQL by a moved clock: what tables and indexes take
# at the end of each ten days. 1 where they go on growing once all is as old as it gets; some minutes.
DAYS ?= 200
ROWS ?= 100
retention: .venv/.dev
	$(BIN)/python -m tests.storage.kept --days $(DAYS) --rows $(ROWS)

# Random supervision trees under random crashes, in virtual time; 1000 seeds take about 20 s. SEED=7 SEEDS=1 repeats one.
supervision-storm: .venv/.dev
	$(BIN)/python -m tests.runtime.storm.campaign --seeds $(SEEDS) $(if $(SEED),--seed $(SEED))

# Breaks at random whatever the bot depends on, several things at a time, then holds its books against the chain; minutes.
ROUNDS ?= 20
faults: .venv/.dev
	$(BIN)/python -m tests.faults.campaign --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

# Walks through the runbooks: brings each page's fault to a real bot, waits for its alert, types its commands as they stand, and holds
# what comes back against what the page calls good; some twenty minutes. PAGES="no-rpc database" walks some.
runbooks: .venv/.dev
	$(BIN)/python -m tests.runbooks.campaign $(PAGES)

# Lets clients that others wrote drive the local chain, unmodified, and prints what each of them did; half a minute, and a
# minute for the packages the first time. Needs node and npm.
conformance: .venv/.dev
	$(BIN)/python -m tests.conformance.campaign

# Draws docs/pictures/top.svg and dashboard*.webp from bots that trade on their local chains; some minutes. The latter
# need a browser, chromium for one.
pictures: .venv/.dev
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python -m tests.web.dashboard_pictures

# Builds bot/localnet/programs/*.so from our C source with the LLVM back end that a package registry carries.
program: .venv/.dev
	$(BIN)/pip install -q --require-hashes -r requirements-program.lock
	$(BIN)/python -m bot.localnet.programs.build

# Needs `uv` on the PATH; the lock files carry hashes and no index.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.lock

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.run: requirements.lock pyproject.toml | .venv/bin/pip
	@echo "installing the locked requirements into .venv (first time: about a minute)"
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf .venv build *.egg-info
