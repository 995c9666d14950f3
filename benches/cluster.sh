#!/usr/bin/env bash
# A CockroachDB cluster on this machine, from a `cockroach` binary on the PATH
# (v19.1 or later), for tests and measurements, and to break.
#
#   eval "$(benches/cluster.sh start 3)"   # sets DUNDER_TEST_COCKROACH_URL
#   cargo test --locked --test it          # runs over it too
#   benches/cluster.sh kill 2              # as by kill -9
#   benches/cluster.sh restart 2           # with its data
#   benches/cluster.sh freeze 1            # stops answering; thaw 1
#   benches/cluster.sh status
#   benches/cluster.sh stop                # ends it and removes its data
#
#   benches/cluster.sh run 3 COMMAND…      # start, run with the variable, stop
#
# CLUSTER_DIR (target/cluster) has data, logs and process ids; CLUSTER_PORT
# (26357) is the first node's port, CLUSTER_HTTP_PORT (8180) that of its web
# interface. Without a `cockroach` it says so and ends with 77.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
dir=${CLUSTER_DIR:-$root/target/cluster}
port=${CLUSTER_PORT:-26357}
http_port=${CLUSTER_HTTP_PORT:-8180}
# How long a cluster may take to answer, in fifths of a second.
patience=${CLUSTER_PATIENCE:-300}

say() { echo "cluster: $*" >&2; }
fail() {
    say "$@"
    exit 1
}

nodes() { cat "$dir/nodes"; }
address() { echo "127.0.0.1:$((port + $1 - 1))"; }
addresses() { for n in $(seq "$(nodes)"); do address "$n"; done | paste -sd, -; }
url() { echo "postgresql://root@$(addresses)/defaultdb?sslmode=disable"; }

pid() { cat "$dir/$1/pid" 2>/dev/null || true; }
# A process of a node that has ended may be somebody else's number by now.
is_up() {
    local id
    id=$(pid "$1")
    [ -n "$id" ] && tr '\0' ' ' 2>/dev/null <"/proc/$id/cmdline" | grep -q -- "--listen-addr=$(address "$1") "
}

node() {
    local all count
    count=$(nodes)
    [[ ${1:-} =~ ^[0-9]+$ ]] && [ "$1" -ge 1 ] && [ "$1" -le "$count" ] && return
    all=$(seq -s ', ' "$count")
    fail "'${1:-}' is no node; there are $all"
}

# `start --join` and `init` is what v19.1 and today's versions both have.
# Begun in a shell of its own, which then is not there to speak of its end.
launch() (
    mkdir -p "$dir/$1"
    COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING=true nohup cockroach start --insecure \
        --store="$dir/$1/data" --listen-addr="$(address "$1")" \
        --http-addr="127.0.0.1:$((http_port + $1 - 1))" --join="$(addresses)" \
        --cache=256MiB --max-sql-memory=256MiB \
        >>"$dir/$1/log" 2>&1 </dev/null &
    echo $! >"$dir/$1/pid"
    # Until it is the program that was asked for.
    until is_up "$1" || ! kill -0 "$(pid "$1")" 2>/dev/null; do sleep 0.02; done
)

# Until a command succeeds; not longer than the patience, nor than a node lives.
until_done() {
    local what=$1 n=$2
    shift 2
    for _ in $(seq "$patience"); do
        # Whatever answers is not this cluster when the node has ended: another
        # program may have the port.
        "$@" >"$dir/last" 2>&1 && is_up "$n" && return
        is_up "$n" || fail "node $n ended; the end of $dir/$n/log:"$'\n'"$(tail -5 "$dir/$n/log")"
        sleep 0.2
    done
    fail "$what: $(tail -3 "$dir/last")"
}

# "successfully initialized", or, with data that are kept, "has already been
# initialized", which counts as a failure.
init() {
    local said
    said=$(cockroach init --insecure --host="$(address 1)" 2>&1) || true
    echo "$said"
    [[ $said == *initialized* ]]
}
answers() { cockroach sql --insecure --host="$(address "$1")" -e 'SELECT 1'; }

start() {
    local count=${1:-1}
    [[ $count =~ ^[1-9]$ ]] || fail "'$count' is no number of nodes; write 1 to 9"
    [ ! -e "$dir/nodes" ] || fail "$dir has a cluster; benches/cluster.sh stop"
    mkdir -p "$dir"
    echo "$count" >"$dir/nodes"
    say "$(cockroach version 2>/dev/null | head -1), $count node(s) on $(addresses)"
    for n in $(seq "$count"); do launch "$n"; done
    until_done "the cluster cannot be joined" 1 init
    for n in $(seq "$count"); do until_done "node $n does not answer" "$n" answers "$n"; done
    echo "export DUNDER_TEST_COCKROACH_URL='$(url)'"
}

# Ends a node at once, also one that is frozen, and waits until it has gone.
end() {
    ! is_up "$1" || kill -KILL "$(pid "$1")"
    while is_up "$1"; do sleep 0.02; done
}

stop() {
    local n
    for n in $(seq "$(nodes)"); do end "$n"; done
    # By name, so that a CLUSTER_DIR that holds something else keeps it.
    for n in $(seq "$(nodes)"); do rm -rf "${dir:?}/$n"; done
    rm -f "$dir/nodes" "$dir/last"
    rmdir --ignore-fail-on-non-empty "$dir"
}

running() {
    node "$1"
    is_up "$1" || fail "node $1 does not run; benches/cluster.sh restart $1"
}

help() { sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; }

case ${1:-help} in
help | -h | --help)
    help
    exit
    ;;
esac
if ! command -v cockroach >/dev/null; then
    say "SKIPPED: there is no 'cockroach' on the PATH"
    exit 77
fi
if [ ! -e "$dir/nodes" ]; then
    case $1 in
    stop | kill | freeze | thaw | restart | status)
        fail "no cluster was started in $dir; benches/cluster.sh start 3"
        ;;
    esac
fi
case $1 in
start) start "${2:-1}" ;;
stop) stop ;;
kill)
    running "${2:-}"
    end "$2"
    ;;
freeze)
    running "${2:-}"
    kill -STOP "$(pid "$2")"
    ;;
thaw)
    running "${2:-}"
    kill -CONT "$(pid "$2")"
    ;;
restart)
    node "${2:-}"
    end "$2"
    launch "$2"
    until_done "node $2 does not answer" "$2" answers "$2"
    ;;
status)
    for n in $(seq "$(nodes)"); do
        if is_up "$n"; then echo "$n $(address "$n") up"; else echo "$n $(address "$n") down"; fi
    done
    ;;
run)
    [ $# -ge 3 ] || fail "write: benches/cluster.sh run NODES COMMAND…"
    trap stop EXIT
    start "$2" >/dev/null
    DUNDER_TEST_COCKROACH_URL=$(url) "${@:3}"
    ;;
*) fail "'$1' is not one of start, stop, kill, freeze, thaw, restart, status, run" ;;
esac
