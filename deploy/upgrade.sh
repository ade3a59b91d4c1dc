#!/bin/sh
# Takes a running trading-bot to another version, and back when that does not become ready. Run it as root in a checkout:
#     deploy/upgrade.sh VERSION            VERSION is a tag, branch or commit of the checkout
# The old release stays in /opt/trading-bot-releases. A newer schema is not taken back: an older version that does not know it
# refuses to start and says so, and then the way back is the backup, runbooks/backup.md.
set -eu

RELEASES=/opt/trading-bot-releases
CURRENT=/opt/trading-bot
READY_WITHIN_S=120
PYTHON=${PYTHON:-python3}

fail() { echo "upgrade: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root"
[ $# = 1 ] || fail "give the version: deploy/upgrade.sh VERSION"
[ -L "$CURRENT" ] || fail "$CURRENT is no link to a release; run deploy/install.sh first"
VERSION=$(git rev-parse --short --verify "$1^{commit}") || fail "$1 is no version of this checkout; git fetch --tags"
OLD=$(readlink -f "$CURRENT")
NEW=$RELEASES/$VERSION
[ "$OLD" != "$NEW" ] || fail "$VERSION is what runs"

# Everything slow comes before the stop: nobody watches the positions between stop and start.
if [ ! -x "$NEW/.venv/bin/bot" ]; then
    echo "upgrade: building $NEW"
    mkdir -p "$NEW"
    git archive "$VERSION" | tar -x -C "$NEW"
    make -s -C "$NEW" install PYTHON="$PYTHON"
    (cd "$NEW" && .venv/bin/python -m compileall -q bot actors)
fi
"$NEW/.venv/bin/bot" supervision check > /dev/null

use() {
    ln -sfn "$1" "$CURRENT.next" && mv -T "$CURRENT.next" "$CURRENT"
    for unit in "$1"/deploy/*.service "$1"/deploy/*.timer; do
        [ ! -e "$unit" ] || install -m 644 "$unit" /etc/systemd/system/
    done
    systemctl daemon-reload
}

# What runs beside the bot speaks with it and is of the same version. The dashboard is not waited for.
UNITS=trading-bot
! systemctl is-active --quiet trading-bot-vault || UNITS="trading-bot-vault $UNITS"

# `systemctl restart` of units of Type=notify returns when they are ready, or fails.
restarted() {
    # shellcheck disable=SC2086 # one word a unit
    timeout "$READY_WITHIN_S" systemctl restart $UNITS && systemctl is-active --quiet trading-bot || return 1
    systemctl --no-block try-restart trading-bot-web
}

use "$NEW"
began=$(date +%s)
if restarted; then
    echo "upgrade: $VERSION runs"
else
    echo "upgrade: $VERSION did not become ready; going back to $OLD. Its last words:" >&2
    journalctl -u trading-bot -o cat -n 5 >&2 || true
    use "$OLD"
    restarted || fail "the old version does not start either: journalctl -u trading-bot -n 50, runbooks/README.md"
    echo "upgrade: $OLD runs again" >&2
    status=1
fi
echo "upgrade: positions were unwatched for at most $(($(date +%s) - began)) s"
BOT_DATA_DIR=/var/lib/trading-bot "$CURRENT/.venv/bin/bot" status | head -n 3
exit "${status:-0}"
