#!/bin/sh
# `make demo`: environment, engine, then the demo itself, which builds images while it makes data.
set -eu
cd "$(dirname "$0")/.."
sh .ci/setup.sh
sh .ci/services.sh --without-images
exec .venv/bin/python -m broker demo "$@"
