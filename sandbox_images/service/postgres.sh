#!/bin/sh
# PostgreSQL in the foreground, as its own user; makes the cluster, role and database on the first start.
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=/var/lib/broker-postgres/data
run() { setpriv --reuid postgres --regid postgres --clear-groups "$@"; }

mkdir -p "$data" /var/run/postgresql
chown -R postgres:postgres /var/lib/broker-postgres /var/run/postgresql
if [ ! -f "$data/PG_VERSION" ]; then
    password=$(mktemp)
    printf '%s' "$BROKER_DATABASE_PASSWORD" > "$password"
    chown postgres "$password"
    run "$bin/initdb" -D "$data" -U broker --pwfile "$password" --auth-host scram-sha-256 --auth-local peer -E UTF8 >/dev/null
    rm -f "$password"
    echo "host broker broker samenet scram-sha-256" >> "$data/pg_hba.conf"
    run "$bin/postgres" --single -D "$data" postgres >/dev/null <<SQL
CREATE DATABASE broker;
SQL
fi
exec setpriv --reuid postgres --regid postgres --clear-groups \
    "$bin/postgres" -D "$data" -c listen_addresses='*' -c synchronous_commit=on
