#!/bin/sh
# Runs a verb of `bot` as its unit runs it: as the same made-up user, with the same settings and credentials, none of which root's
# shell has. For the verbs that read keys or settings themselves; those that ask the running bot need only BOT_DATA_DIR. As root:
#     /opt/trading-bot/deploy/as-unit.sh doctor
#     /opt/trading-bot/deploy/as-unit.sh backup verify
set -eu

CURRENT=/opt/trading-bot

fail() { echo "as-unit: $*" >&2; exit 1; }

[ $# -gt 0 ] || fail "give a verb: as-unit.sh doctor"
[ "$(id -u)" = 0 ] || fail "run it as root"
command -v systemd-run > /dev/null || fail "there is no systemd here"

set -- -E BOT_DATA_DIR=/var/lib/trading-bot "$CURRENT/.venv/bin/bot" "$@"
for file in /etc/credstore/trading-bot.*; do
    name=${file##*/trading-bot.}
    [ ! -f "$file" ] || set -- -p "LoadCredential=$name:trading-bot.$name" "$@"
done
# Where the backups' key lies is said by the unit of the backups, not by the settings.
[ ! -f /etc/credstore/trading-bot.backup-key ] || set -- -E BOT_BACKUP__KEY_FILE=backup-key "$@"
# A terminal stays one, for verbs that ask before they act.
[ -t 0 ] && [ -t 1 ] && set -- --pty "$@" || set -- --pipe "$@"
exec systemd-run --quiet --wait --collect -p DynamicUser=yes -p User=trading-bot -p StateDirectory=trading-bot \
    -p StateDirectoryMode=0700 -p UMask=0077 -p NoNewPrivileges=yes -p PrivateDevices=yes -p "WorkingDirectory=$CURRENT" \
    -p LimitNOFILE=65536 -p EnvironmentFile=-/etc/trading-bot/environment "$@"
