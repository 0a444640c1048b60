#!/bin/sh
# Makes what docker-compose.yml needs without any registry of images: a base from Debian packages, the pages' files and
# the Python packages from the locks, passwords in .env. Then builds; `sh .ci/compose.sh up` also starts. BROKER_BASE
# names another base.
set -eu
cd "$(dirname "$0")/.."
sh .ci/setup.sh
sh .ci/assets.sh
base=${BROKER_BASE:-npd-broker-base:local}

docker compose version >/dev/null 2>&1 || {
    echo "compose: installing docker-compose"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-compose >/dev/null
}

if ! docker image inspect "$base" >/dev/null 2>&1; then
    command -v debootstrap >/dev/null 2>&1 || {
        echo "compose: installing debootstrap"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    }
    echo "compose: base image from Debian packages"
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    debootstrap --variant=minbase --include=python3,valkey-server,postgresql,ca-certificates trixie "$root" >/dev/null
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import - "$base" >/dev/null
fi

echo "compose: Python packages from the lock"
uv=$(command -v uv || echo .tools/bin/uv)
rm -rf build/service && mkdir -p build/service
"$uv" pip install -q --python-version 3.13 --python-platform linux --only-binary :all: --target build/service/site-packages \
    --require-hashes -r requirements.lock

if [ ! -f .env ]; then
    echo "compose: passwords and data folder in .env"
    umask 077
    random() { head -c 24 /dev/urandom | base64 | tr -d '/+='; }
    printf 'BROKER_DATABASE_PASSWORD=%s\nBROKER_QUEUE_PASSWORD=%s\nBROKER_SECRET_KEY=%s\nBROKER_HOST_DATA=%s\n' \
        "$(random)" "$(random)" "$(random)" "$(pwd)/data/compose" > .env
fi
. ./.env
mkdir -p "$BROKER_HOST_DATA/outputs" "$BROKER_HOST_DATA/ledger"
docker compose build -q
# The worker runs in a container, but images are made here, where Debian packages can be fetched.
BROKER_IMAGES="$BROKER_HOST_DATA/images" .venv/bin/python -m broker images
[ "${1:-}" != up ] || docker compose up -d
