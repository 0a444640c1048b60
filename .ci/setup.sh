#!/bin/sh
# Makes .venv from requirements.lock. Needs Python 3.11-3.13; as root on Debian it installs what venv lacks.
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/.lock
want=$(cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1)
# Bytecode is made here, not at the first start: some machines never write any (PYTHONDONTWRITEBYTECODE), and then
# every command would compile all that it imports.
compiled() { .venv/bin/python -m compileall -q broker; }
[ -f "$stamp" ] && [ "$(cat $stamp)" = "$want" ] && { compiled; exit 0; }

# The system's own first: a Python that was built by hand is often built without optimization, and a third slower.
python=""
for name in /usr/bin/python3.11 /usr/bin/python3.12 /usr/bin/python3.13 python3.11 python3.12 python3.13 python3; do
    if command -v $name >/dev/null 2>&1 && $name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; then
        python=$name
        break
    fi
done
[ -n "$python" ] || { echo "setup: Python 3.11, 3.12 or 3.13 is needed" >&2; exit 1; }

if ! command -v uv >/dev/null 2>&1 && [ ! -x .tools/bin/uv ]; then
    if ! $python -c 'import ensurepip' >/dev/null 2>&1; then
        [ "$(id -u)" = 0 ] || { echo "setup: run as root: apt-get install python3-venv" >&2; exit 1; }
        echo "setup: installing python3-venv"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
    fi
    echo "setup: fetching uv into .tools"
    $python -m venv .tools
    .tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/uv.lock
fi
uv=$(command -v uv || echo .tools/bin/uv)

echo "setup: environment from requirements.lock"
[ -x .venv/bin/python ] || "$uv" venv -q --python "$python" .venv
"$uv" pip sync -q --python .venv --compile-bytecode --require-hashes requirements.lock
# The checkout itself, importable from anywhere: no build back end is needed for that.
pwd > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/npd_broker.pth"
printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m broker "$@"\n' "$(pwd)" > .venv/bin/broker
chmod +x .venv/bin/broker
compiled
echo "$want" > "$stamp"
