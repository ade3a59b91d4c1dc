#!/bin/sh
# Makes the bot's role and database in the PostgreSQL of this machine, and prints the line for /etc/trading-bot/environment.
# Run it as root; it may be run again. The bot comes by the unix socket and is known by its user's name, so that there is no
# password (peer authentication, which is what Debian's pg_hba.conf has for local connections).
set -eu

ROLE=trading-bot
DATABASE=trading_bot

fail() { echo "setup-postgresql: $*" >&2; exit 1; }
sql() { (cd / && runuser -u postgres -- psql -v ON_ERROR_STOP=1 -qAt "$@"); }

[ "$(id -u)" = 0 ] || fail "run it as root"
command -v psql > /dev/null || fail "apt install postgresql"
sql -c 'select 1' > /dev/null || fail "PostgreSQL does not run: systemctl start postgresql"

[ "$(sql -c "select 1 from pg_roles where rolname = '$ROLE'")" = 1 ] || sql -c "create role \"$ROLE\" login"
[ "$(sql -c "select 1 from pg_database where datname = '$DATABASE'")" = 1 ] || sql -c "create database $DATABASE owner \"$ROLE\""

# A commit is on the disk when the bot goes on: an order that was signed and forgotten would be signed twice.
sql -c "alter database $DATABASE set synchronous_commit = on"
# Nobody holds locks by having gone away.
sql -c "alter database $DATABASE set idle_in_transaction_session_timeout = '60s'"
[ "$(sql -c 'show fsync')" = on ] || fail "fsync is off in postgresql.conf: a loss of power would lose orders; switch it on"
[ "$(sql -c 'show max_connections')" -ge 40 ] || echo "setup-postgresql: max_connections is low; a bot and its standby take 20" >&2

echo "DATABASE_URL=postgresql://$ROLE@/$DATABASE?host=/run/postgresql"
