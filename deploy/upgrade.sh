#!/bin/sh
# Takes a running trading-bot to another version, and back when that does not become ready. Run it as root in a checkout:
#     deploy/upgrade.sh VERSION            VERSION is a tag, branch or commit of the checkout
# The new version gets ready beside the old one and takes its place (`bot hand-over`), or is restarted into where that cannot be.
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
"$NEW/.venv/bin/python" -c 'import bot.app'

use() {
    ln -sfn "$1" "$CURRENT.next" && mv -T "$CURRENT.next" "$CURRENT"
    for unit in "$1"/deploy/*.service "$1"/deploy/*.timer; do
        [ ! -e "$unit" ] || install -m 644 "$unit" /etc/systemd/system/
    done
    systemctl daemon-reload
}

# What runs beside the bot speaks with it and is of the same version. The dashboard is not waited for.
VAULT=
! systemctl is-active --quiet trading-bot-vault || VAULT=trading-bot-vault

main_process() { systemctl show -P MainPID trading-bot; }
in_bot() { BOT_DATA_DIR=/var/lib/trading-bot "$CURRENT/.venv/bin/bot" "$@"; }

# `systemctl restart` of units of Type=notify returns when they are ready, or fails.
restarted() {
    # shellcheck disable=SC2086 # no word where there is no vault
    timeout "$READY_WITHIN_S" systemctl restart $VAULT trading-bot && systemctl is-active --quiet trading-bot
}

# A hand-over keeps the unit that runs: its sandbox, environment and credentials are those of its start. Says why that will not do.
why_restart() {
    if [ -n "$VAULT" ]; then echo "the vault's unit is restarted with it"
    elif ! systemctl is-active --quiet trading-bot; then echo "the bot does not run"
    elif ! [ -e "$OLD/bot/hand_over.py" ]; then echo "$OLD knows no hand-over yet"
    elif ! [ -e "$NEW/bot/hand_over.py" ]; then echo "$VERSION knows no hand-over yet"
    elif ! cmp -s "$NEW/deploy/trading-bot.service" /etc/systemd/system/trading-bot.service; then echo "its unit is another one"
    elif [ -n "$(find /etc/trading-bot/environment /etc/credstore /etc/systemd/system/trading-bot.service.d \
        -newermt "$(systemctl show --timestamp=unix -P ActiveEnterTimestamp trading-bot)" 2> /dev/null)" ]; then
        echo "settings, credentials or drop-ins were changed since its start"
    fi
}

# A version of before the verb's option is not asked.
would_start() {
    ! "$NEW/.venv/bin/bot" doctor --help | grep -q -e --start || "$NEW/deploy/as-unit.sh" doctor --start
}

back() {
    use "$OLD"
    restarted || fail "the old version does not start either: journalctl -u trading-bot -n 50, runbooks/README.md"
    echo "upgrade: $OLD runs again" >&2
}

restart=$(why_restart)
before=$(main_process)
trap '' INT HUP # half of what follows is worse than its end, which comes by itself
use "$NEW"
if [ -z "$restart" ]; then
    echo "upgrade: $VERSION gets ready beside the bot that runs"
    if in_bot hand-over; then
        echo "upgrade: $VERSION runs"
    elif [ "$(main_process)" = "$before" ]; then
        use "$OLD"
        fail "$VERSION did not become ready; $OLD was not stopped and runs on"
    else
        echo "upgrade: $VERSION took over and does not watch positions; going back to $OLD" >&2
        back
        status=1
    fi
else
    echo "upgrade: by a restart, because $restart"
    # What it would refuse to start for costs nobody a second as long as the old one runs.
    would_start || { use "$OLD"; fail "$VERSION would not start; nothing was stopped"; }
    began=$(date +%s)
    if restarted; then
        echo "upgrade: $VERSION runs"
    else
        echo "upgrade: $VERSION did not become ready; going back to $OLD. Its last words:" >&2
        journalctl -u trading-bot -o cat -n 5 >&2 || true
        back
        status=1
    fi
    echo "upgrade: positions were unwatched for at most $(($(date +%s) - began)) s"
fi
systemctl --no-block try-restart trading-bot-web
in_bot status | head -n 3
exit "${status:-0}"
