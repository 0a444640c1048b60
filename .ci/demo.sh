#!/bin/sh
# `make demo`: environment, the pages' files, engine, then the demo itself, which builds images while it makes data.
set -eu
cd "$(dirname "$0")/.."
sh .ci/setup.sh
sh .ci/assets.sh
sh .ci/services.sh --without-images
exec .venv/bin/python -m broker demo "$@"
