#!/bin/sh
# Runs a command as if it were another day: sh .ci/at.sh 2028-03-01 COMMAND. Containers keep the real time.
set -eu
day=$1
shift
found() { ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -1; }
if [ -z "$(found)" ]; then
    [ "$(id -u)" = 0 ] || { echo "at: run as root: apt-get install libfaketime" >&2; exit 1; }
    echo "at: installing libfaketime"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libfaketime >/dev/null
fi
days=$((($(date -d "$day" +%s) - $(date +%s)) / 86400 + 1))
# A shift, and no fixed start: every process that the command starts has the same time.
FAKETIME="+${days}d" FAKETIME_DONT_FAKE_MONOTONIC=1 LD_PRELOAD="$(found)" exec "$@"
