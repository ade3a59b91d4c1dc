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
STAYS_S=10
PYTHON=${PYTHON:-python3}

# A terminal that went away is no reason to stop half way.
say() { echo "upgrade: $*" 2> /dev/null || :; }
warn() { say "$@" >&2; }
fail() { warn "$@"; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root"
[ $# = 1 ] || fail "give the version: deploy/upgrade.sh VERSION"
[ -L "$CURRENT" ] || fail "$CURRENT is no link to a release; run deploy/install.sh first"
exec 9> "$RELEASES/.upgrade"
flock -n 9 || fail "another upgrade is under way; wait for its end"
VERSION=$(git rev-parse --short --verify "$1^{commit}") || fail "$1 is no version of this checkout; git fetch --tags"
NEW=$RELEASES/$VERSION

main_process() { systemctl show -P MainPID trading-bot; }
state() { systemctl show -P ActiveState trading-bot; }
in_bot() { BOT_DATA_DIR=/var/lib/trading-bot "$CURRENT/.venv/bin/bot" "$@"; }

# The release of the process that runs, which an upgrade that was killed half way leaves unlike the link; else that of the link.
running() {
    case $(readlink "/proc/$(main_process)/cwd") in
        "$RELEASES"/*) readlink "/proc/$(main_process)/cwd" ;;
        *) readlink -f "$CURRENT" ;;
    esac
}

# The units are replaced whole and where they differ alone, so that a full disk leaves none of them half.
use() {
    for unit in "$1"/deploy/*.service "$1"/deploy/*.timer; do
        name=${unit##*/}
        if [ -e "$unit" ] && ! cmp -s "$unit" "/etc/systemd/system/$name"; then
            install -m 644 "$unit" "/etc/systemd/system/.$name.next" &&
                mv "/etc/systemd/system/.$name.next" "/etc/systemd/system/$name" || return
        fi
    done
    ln -sfn "$1" "$CURRENT.next" && mv -T "$CURRENT.next" "$CURRENT" && systemctl daemon-reload
}

OLD=$(running)
if [ "$OLD" = "$NEW" ]; then
    [ "$(readlink -f "$CURRENT")" = "$NEW" ] || use "$NEW"
    fail "$VERSION is what runs"
fi

# Everything slow comes before the stop: nobody watches the positions between stop and start.
build() {
    mkdir -p "$NEW" && git archive "$VERSION" | tar -x -C "$NEW" && make -s -C "$NEW" install PYTHON="$PYTHON" &&
        (cd "$NEW" && .venv/bin/python -m compileall -q bot actors)
}
if [ ! -x "$NEW/.venv/bin/bot" ]; then
    say "building $NEW"
    build || fail "$VERSION could not be built; nothing was changed"
fi
{ "$NEW/.venv/bin/bot" supervision check > /dev/null && "$NEW/.venv/bin/python" -c 'import bot.app'; } ||
    fail "$VERSION is not whole; nothing was changed: rm -r $NEW, and give the same command again"

# What runs beside the bot speaks with it and is of the same version. The dashboard is not waited for.
VAULT=
! systemctl is-active --quiet trading-bot-vault || VAULT=trading-bot-vault

# `systemctl restart` of units of Type=notify returns when they are ready, or fails. It is killed, because it ignores what this
# script ignores.
restarted() {
    # shellcheck disable=SC2086 # no word where there is no vault
    timeout -s KILL "$READY_WITHIN_S" systemctl restart $VAULT trading-bot && systemctl is-active --quiet trading-bot
}

# Whether the process that runs now still does after some seconds: one that dies soon after it was ready goes on dying.
stays() {
    led=$(main_process) left=$STAYS_S
    while [ "$left" -gt 0 ]; do
        sleep 1
        if [ "$(state)" != active ] || [ "$(main_process)" != "$led" ]; then
            warn "$VERSION ended within $STAYS_S s"
            return 1
        fi
        left=$((left - 1))
    done
}

# Whoever stops the bot while it is upgraded wants it stopped; a crash is not inactive, because it is started again.
was_stopped() {
    while [ "$(state)" = deactivating ]; do sleep 1; done
    [ "$(state)" = inactive ]
}

# A hand-over keeps the unit that runs: its sandbox, environment and credentials are those of its start. Says why that will not do.
why_restart() {
    if [ -n "$VAULT" ]; then echo "the vault's unit is restarted with it"
    elif ! systemctl is-active --quiet trading-bot; then echo "the bot does not run"
    elif in_bot status --json | grep -q '"state": "STARTING"'; then echo "it does not lead, so that nobody is unwatched meanwhile"
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

has_newer_schema() {
    for file in "$NEW"/bot/storage/migrations/*.sql; do
        [ -e "$OLD/bot/storage/migrations/${file##*/}" ] || return 0
    done
    return 1
}

# The version that has brought the schema to its own is the only one that starts on it.
back() {
    use "$OLD" || warn "$CURRENT cannot be linked back to $OLD: make room, and do it by hand"
    if restarted; then
        warn "$OLD runs again"
    elif ! has_newer_schema; then
        fail "the old version does not start either: journalctl -u trading-bot -n 50, runbooks/README.md"
    else
        use "$NEW" && restarted || fail "$OLD does not start on the schema of $VERSION, which does not start: runbooks/backup.md"
        warn "$OLD does not start on the schema of $VERSION, which runs again"
    fi
}

restart=$(why_restart)
before=$(main_process)
! has_newer_schema || say "$VERSION brings another schema; once it has led, the way back to $OLD is a backup, runbooks/backup.md"
trap '' INT HUP TERM PIPE # half of what follows is worse than its end, which comes by itself
use "$NEW" || { use "$OLD" || :; fail "the units of $VERSION could not be installed; nothing was stopped"; }
status=0
if [ -z "$restart" ]; then
    say "$VERSION gets ready beside the bot that runs"
    began=$(date +%s)
    if in_bot hand-over && stays; then
        say "$VERSION runs"
    elif [ "$(state)" = active ] && [ "$(main_process)" = "$before" ]; then
        use "$OLD" || warn "$CURRENT cannot be linked back to $OLD: make room, and do it by hand"
        fail "$VERSION did not become ready; $OLD was not stopped and runs on"
    elif was_stopped; then
        fail "the bot was stopped meanwhile, and nobody watches; systemctl start trading-bot starts $VERSION"
    else
        warn "$VERSION does not watch positions; going back to $OLD"
        back
        say "positions were unwatched for at most $(($(date +%s) - began)) s"
        status=1
    fi
else
    say "by a restart, because $restart"
    # What it would refuse to start for costs nobody a second as long as the old one runs.
    would_start || { use "$OLD" || :; fail "$VERSION would not start; nothing was stopped"; }
    began=$(date +%s)
    if restarted; then
        say "positions were unwatched for at most $(($(date +%s) - began)) s"
        ready=yes
    fi
    if [ -n "${ready:-}" ] && stays; then
        say "$VERSION runs"
    elif was_stopped; then
        fail "the bot was stopped meanwhile, and nobody watches; systemctl start trading-bot starts $VERSION"
    else
        warn "$VERSION did not become ready, or not for long; going back to $OLD. Its last words:"
        journalctl -u trading-bot -o cat -n 5 >&2 || :
        back
        say "positions were unwatched for at most $(($(date +%s) - began)) s"
        status=1
    fi
fi
systemctl --no-block try-restart trading-bot-web || :
in_bot status | head -n 3 || :
exit "$status"
