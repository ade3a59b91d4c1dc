#!/bin/sh
# Installs trading-bot from this checkout as a systemd service. Run it as root, from the folder above this one:
#     deploy/install.sh [VERSION]
# It may be run again: what is there stays. It starts nothing; the last lines say what to do next.
set -eu

RELEASES=/opt/trading-bot-releases
CURRENT=/opt/trading-bot
PYTHON=${PYTHON:-python3}

fail() { echo "install: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root; the bot itself gets a user of its own"
[ -f deploy/install.sh ] || fail "run it in the folder of the checkout"
[ ! -e "$CURRENT" ] || [ -L "$CURRENT" ] || fail "$CURRENT is a folder of an older installation; see deploy/README.md, Upgrade"
command -v systemctl > /dev/null || fail "there is no systemd here"
"$PYTHON" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 with venv is needed: apt install python3-venv"
command -v make > /dev/null || fail "make is needed: apt install make"
getent -s systemd passwd root > /dev/null 2>&1 || echo "install: apt install libnss-systemd, unless DATABASE_URL names a server: PostgreSQL wants its user to have a name"

VERSION=$(git rev-parse --short --verify "${1:-HEAD}^{commit}") || fail "${1:-HEAD} is no version of this checkout; git fetch --tags"
TARGET=$RELEASES/$VERSION
if [ ! -x "$TARGET/.venv/bin/bot" ]; then
    echo "install: building $TARGET"
    mkdir -p "$TARGET"
    git archive "$VERSION" | tar -x -C "$TARGET"
    make -s -C "$TARGET" install PYTHON="$PYTHON"
    (cd "$TARGET" && .venv/bin/python -m compileall -q bot actors)
fi
[ -e "$CURRENT" ] || ln -s "$TARGET" "$CURRENT"

for unit in "$TARGET"/deploy/*.service "$TARGET"/deploy/*.timer; do
    [ ! -e "$unit" ] || install -m 644 "$unit" /etc/systemd/system/
done
systemctl daemon-reload

install -d -m 700 /etc/trading-bot /etc/credstore
[ -e /etc/trading-bot/environment ] || (umask 077; cp "$TARGET/deploy/environment.example" /etc/trading-bot/environment)

echo "installed $(readlink -f "$CURRENT"). Next:"
echo "  1. a rehearsal with toy money needs nothing more: systemctl enable --now trading-bot"
echo "  2. for paper and live: deploy/README.md, from The master key on"
