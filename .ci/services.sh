#!/bin/sh
# What runs beside Python: a container engine with gVisor, and the sandbox images. Says what it installs before it does.
# Without root and without an engine it names the one command to run, and goes on with bubblewrap if that is there.
set -eu
cd "$(dirname "$0")/.."

root() { [ "$(id -u)" = 0 ]; }
answers() { .venv/bin/python -c 'import docker; docker.from_env(timeout=5).ping()' >/dev/null 2>&1; }
knows_runsc() { .venv/bin/python -c 'import docker, sys; sys.exit("runsc" not in docker.from_env(timeout=5).info()["Runtimes"])' >/dev/null 2>&1; }

# Before the engine is installed, since installing may start it. Without --ignore-cgroups, so that Docker's memory limit
# holds inside gVisor too.
if root && [ ! -e /etc/docker/daemon.json ]; then
    echo "services: registering gVisor (runsc) in /etc/docker/daemon.json"
    mkdir -p /etc/docker
    printf '{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--network=none"]}}}\n' > /etc/docker/daemon.json
fi

missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need dockerd docker.io
need docker docker-cli
need runsc runsc
need dpkg-deb dpkg
need bwrap bubblewrap
need chromium chromium

if [ -n "$missing" ]; then
    if root && command -v apt-get >/dev/null 2>&1; then
        echo "services: installing Debian packages:$missing"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    else
        echo "services: not installed:$missing" >&2
        echo "services: run as root: apt-get install --no-install-recommends$missing" >&2
    fi
fi

if root && command -v dockerd >/dev/null 2>&1 && ! answers; then
    echo "services: starting the container engine"
    (setsid nohup dockerd >/var/log/dockerd-broker.log 2>&1 &)
    for _ in $(seq 1 60); do answers && break; sleep 0.5; done
fi
if root && answers && ! knows_runsc; then
    # The engine reads its runtimes again on this signal; jobs go on.
    pkill -HUP -x dockerd || true
    sleep 1
fi

if answers; then
    # The demo builds the images itself, while it makes its data.
    [ "${1:-}" = --without-images ] || .venv/bin/python -m broker images
elif command -v bwrap >/dev/null 2>&1; then
    echo "services: no container engine answers; bubblewrap isolates synthetic data only" >&2
    [ "${CI:-}" != true ] || { echo "services: CI needs a container engine" >&2; exit 1; }
else
    echo "services: run as root: apt-get install docker.io runsc && dockerd &" >&2
    exit 1
fi
