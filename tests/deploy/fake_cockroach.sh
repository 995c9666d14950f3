#!/usr/bin/env bash
# Stands in for `cockroach` where benches/cluster.sh is tried: a node is a
# process that waits; `init` and `sql` answer when the nodes are there.
set -eu
command=$1
shift
host=''
store=''
for word in "$@"; do
    case $word in
    --host=*) host=${word#*=} ;;
    --listen-addr=*) host=${word#*=} ;;
    --store=*) store=${word#*=} ;;
    esac
done
state=${FAKE_COCKROACH:?}
case $command in
version) echo "Build Tag: v0.0.0" ;;
start)
    [ -z "${FAKE_COCKROACH_FAILS:-}" ] || { echo "the clock is wrong"; exit 1; }
    mkdir -p "$store"
    echo "$*" >>"$state/$host"
    # Stays the process that was started, under its arguments.
    while :; do sleep 0.1; done
    ;;
init)
    [ -e "$state/$host" ] || { echo "connection refused"; exit 1; }
    [ ! -e "$state/joined" ] || { echo "cluster has already been initialized"; exit 1; }
    touch "$state/joined"
    echo "Cluster successfully initialized"
    ;;
sql) [ -e "$state/$host" ] && [ -e "$state/joined" ] ;;
*) exit 2 ;;
esac
