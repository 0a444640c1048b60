#!/bin/sh
# Builds what pages load (styles, scripts, editor) from the locked npm packages; nothing where nothing has changed.
set -eu
cd "$(dirname "$0")/../broker/web/assets"
out=../static/built
want=$(cat package-lock.json build.mjs src/* | sha256sum | cut -d' ' -f1)
[ -f "$out/.built" ] && [ "$(cat $out/.built)" = "$want" ] && exit 0

if ! command -v npm >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || { echo "setup: run as root: apt-get install npm" >&2; exit 1; }
    echo "setup: installing npm"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null
fi
echo "setup: styles and scripts of the pages"
npm ci --ignore-scripts --no-audit --no-fund --silent
node build.mjs
echo "$want" > "$out/.built"
