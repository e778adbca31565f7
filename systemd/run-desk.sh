#!/bin/sh
# run-desk.sh PROGRAMS FOLDER    runs snugd and snug-admin on a desk, as the units do on the
# appliance: PROGRAMS holds the built programs, FOLDER everything they keep. Prints where the
# panel is, the one-time set-up link while there is one, and what to type into a chat client.
# Ctrl-C stops both. A second run finds everything as it was.
set -eu

PROGRAMS=$1
mkdir -p "$2"
FOLDER=$(CDPATH='' cd -- "$2" && pwd)
CONFIG=$FOLDER/snug.toml
START_SECONDS=30
STOP_SECONDS=15

fail() {
    printf '\n%s\n' "$1" >&2
    exit 1
}

# Does somebody listen on TCP port $1?
taken() {
    port=$(printf '%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v port="$port" '{ n = split($2, a, ":"); if (a[n] == port && $4 == "0A") found = 1 }
            END { exit !found }'
}

# The first free port of those given.
free_port() {
    for candidate; do
        taken "$candidate" || { echo "$candidate"; return; }
    done
    fail "All of these ports are in use: $*. Choose others in $CONFIG"
}

write_config() {
    starttls=$(free_port 5222 15222 25222)
    direct=$(free_port 5223 15223 25223)
    panel=$(free_port 8443 18443 28443)
    [ "$starttls" = 5222 ] || echo "Port 5222 is in use here (another chat server?): using $starttls."
    # The path of a unix socket may have 100 bytes; a deep folder has more.
    socket=$FOLDER/admin.sock
    [ "${#socket}" -le 100 ] || socket=$(mktemp -d)/admin.sock
    cat >"$CONFIG" <<END
# Written by the first \`./just run\`. docs/snug.example.toml explains every key.
[server]
data_dir = "$FOLDER/snugd"

[c2s]
starttls = ["[::]:$starttls"]
direct_tls = ["[::]:$direct"]

[admin]
socket = "$socket"
panel_user = "$(id -un)"

[panel]
listen = ["[::]:$panel"]
data_dir = "$FOLDER/snug-admin"

[log]
level = "warn"
END
}

# Value of the first number behind the last colon on the line of key $1.
port_of() { sed -n "s/^$1 = \\[\".*:\\([0-9]*\\)\"\\].*/\\1/p" "$CONFIG" | head -n 1; }

snug() { "$PROGRAMS/snug" --config "$CONFIG" "$@"; }

domain() { snug --json status 2>/dev/null | sed -n 's/.*"domain": *"\([^"]*\)".*/\1/p' | head -n 1; }

alive() { kill -0 "$1" 2>/dev/null; }

# Waits until `$@` succeeds, as long as process $1 lives.
await() {
    pid=$1 && shift
    tries=$((START_SECONDS * 10))
    while ! "$@" >/dev/null 2>&1; do
        alive "$pid" || return 1
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.1
    done
}

stop() {
    trap '' INT TERM
    printf '\nStopping…\n'
    for pid in $panel_pid $daemon_pid; do
        kill -TERM "$pid" 2>/dev/null || :
    done
    tries=$((STOP_SECONDS * 10))
    while { alive "${panel_pid:-x}" || alive "${daemon_pid:-x}"; } && [ "$tries" -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
    wait
}

greet() {
    address=$( (hostname -I 2>/dev/null || :) | awk '{ print $1 }')
    url=https://${address:-127.0.0.1}:$panel_port
    name=$(domain)
    if [ -z "$name" ]; then
        echo
        snug setup link --panel-url "$url"
        name='the name you choose for your home'
    else
        printf '\nThe panel of %s: %s\n' "$name" "$url"
    fi
    cat <<END

What to type into Pidgin (Accounts > Add); the panel's People page has the same for others:
  Basic     Protocol XMPP, Username the person's chat name, Domain $name,
            Password that person's
  Advanced  Connection security Require encryption, Connect port $xmpp_port,
            Connect server ${address:-127.0.0.1} (only if the domain is not found; Pidgin then
            asks once whether the certificate is right)
So that nothing has to be asked, make the home's certificate known first: $url/ca

Data: $FOLDER   Stop: Ctrl-C
END
}

[ -e "$CONFIG" ] || write_config
panel_port=$(port_of listen)
xmpp_port=$(port_of starttls)
for port in "$xmpp_port" "$panel_port"; do
    taken "$port" && fail "Port $port is in use already. Is Snug running in another window?
Otherwise choose another port in $CONFIG"
done
mkdir -p -m 700 "$FOLDER/snugd" "$FOLDER/snug-admin"

daemon_pid='' panel_pid=''
trap 'exit 0' INT
trap 'exit 143' TERM
trap stop EXIT
"$PROGRAMS/snugd" --config "$CONFIG" </dev/null &
daemon_pid=$!
await "$daemon_pid" snug status || fail "snugd did not start; what it said is above."
"$PROGRAMS/snug-admin" --config "$CONFIG" </dev/null &
panel_pid=$!
await "$panel_pid" taken "$panel_port" || fail "snug-admin did not start; what it said is above."
greet
while alive "$daemon_pid" && alive "$panel_pid"; do
    sleep 1
done
fail "One of the two programs ended; what it said is above."
