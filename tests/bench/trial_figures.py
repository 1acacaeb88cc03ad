"""trial_figures: how long a trial of one guard takes to apply, to be durable, and to be undone when
its lease ends; tests/drive plays everybody else.
"""

import datetime
import pathlib
import re
import statistics
import tempfile

from figures import BIN, inside, percentile, show

SOAK_S, LEASE_S = 30, 3

# A guard of its own, in folder $1, with rehearsals by the socket in $2.
GUARD = """
B=$1
up() {
    ip link set lo up
    ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
    ip address add 203.0.113.10/24 dev eth0
    device=$(ip -o link show eth0 | cut -d: -f1)
}
others() {
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
        printf "route add 172.%d.%d.%d/32 dev eth0\\n", 16 + i / 65536, i / 256 % 256, i % 256 }' |
        ip -batch -
}
rehearse() {
    systemd-socket-activate -a --seqpacket -l "$1/rehearse.sock" unshare -n "$B/oceanid-rehearse" \
        2> "$1/rehearse.log" &
    rehearse=$!
}
guard() {
    mkdir -p "$1/keys" "$1/guard"
    "$B/drive" init "$1/keys" "$1/guard" "$1/trust.yaml"
    printf 'state: %s/guard\\nsocket: %s/guard.sock\\ntrust: %s/trust.yaml\\nagent-user: root\\n' \
        "$1" "$1" "$1" > "$1/guard.yaml"
    echo "rehearse-socket: $2/rehearse.sock" >> "$1/guard.yaml"
    "$B/oceanid-guard" --config "$1/guard.yaml" 2> "$1/guard.log" &
    guard=$!
    while ! [ -S "$1/guard.sock" ]; do read -t 0.05 _ < /dev/zero || true; done
}
"""

LEASE = GUARD + """
batch() { # of ip(8): milliseconds that adding so many routes takes, and deleting them
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++)
        printf "route add 10.1.%d.%d/32 dev eth0\\n", i / 256, i % 256 }' > "$2/add"
    sed s/add/del/ "$2/add" > "$2/del"
    for verb in add del; do
        from=$(date +%s%N); ip -batch "$2/$verb"; to=$(date +%s%N)
        echo "batch-$verb $(((to - from) / 1000))"
    done
}
up
others "$7"
ip -rcvbuf 8388608 -ts monitor route > "$2/monitor" &
monitor=$!
rehearse "$2"
trap 'kill $monitor $rehearse $guard' EXIT
for i in $(seq "$4"); do
    guard "$2/$i" "$2"
    echo "trial $i"
    "$B/drive" trial "$2/$i/keys" "$2/$i/guard" socket="$2/$i/guard.sock" device=eth0 \
        routes="$3" soak=$5 lease=$6 answers=2 || true
    kill $guard
    wait $guard || true
    "$B/bench_routes" "$3" "$device" | sed 's/^/raw-del /'
    "$B/bench_routes" "$3" "$device" add | sed 's/^/raw-add /'
    batch "$3" "$2"
done
guard=
"""



def split(said):
    """What was said in each trial."""
    return re.split(r"^trial \d+\n", said, flags=re.MULTILINE)[1:]


# -- the end of a lease ----------------------------------------------------------------------------

def deletions(path):
    """Microseconds of the times at which `ip -ts monitor` saw routes of a trial deleted."""
    found = re.findall(r"^\[([^\]]+)\] Deleted 198\.1[89]\.", path.read_text(), re.MULTILINE)
    return [int(datetime.datetime.fromisoformat(at).timestamp() * 1e6) for at in found]


def moments(trial, what):
    """Microseconds of the times of day at which the guard reported what."""
    return [int(at) for at in re.findall(rf"^(\d+) {what}", trial, re.MULTILINE)]


def lateness(trial, deleted, count):
    """Milliseconds from a lease's end to the kernel restored.

    The second nonce is the last one that was answered: it is what the lease counts from. The monitor
    may be behind the receipt.
    """
    nonces, receipts = moments(trial, "nonce"), moments(trial, "receipt")
    if len(nonces) < 2 or not receipts:
        raise RuntimeError(f"expected two nonces and a receipt: {trial}")
    lease_end, receipt = nonces[1] + LEASE_S * 10**6, receipts[0]
    own = [at for at in deleted if lease_end - 10**6 < at < receipt + 10**6]
    if len(own) != count:
        raise RuntimeError(f"{len(own)} of {count} routes were seen to be deleted: {trial}")
    return (max(own) - lease_end) / 1000


def between(trials, first, then):
    """Milliseconds from one state to the next, in the middle of the trials."""
    return statistics.median((moments(trial, f"state {then}")[0] -
                              moments(trial, f"state {first}")[0]) / 1000 for trial in trials)


def beside(trials, what, scale=1.0):
    return statistics.median(float(re.search(rf"^{what} ([\d.]+)", trial, re.MULTILINE).group(1))
                             for trial in trials) * scale


def show_speed(trials, count, word, states, verb):
    """How fast all of them are applied or undone, journal and all, beside two ways without one."""
    own = between(trials, *states)
    raw, batch = beside(trials, f"raw-{verb}"), beside(trials, f"batch-{verb}", 1e-3)
    show(f"{word} {count} routes, with journal",
         f"{own:.1f} ms: {raw / own:.3f}x raw, {batch / own:.2f}x ip -batch",
         f"raw netlink batch {raw:.2f} ms, ip -batch {batch:.1f} ms",
         ">= 0.7x raw, >= 2.5x ip -batch")


def bench_lease(count, runs, others=0):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        trials = split(inside(LEASE, BIN, folder, count, runs, SOAK_S, LEASE_S, others))
        deleted = deletions(pathlib.Path(folder, "monitor"))
        took = [lateness(trial, deleted, count) for trial in trials]
    floor = beside(trials, "raw-del")
    among = f", {others} others" if others else ""
    show(f"lease end -> kernel restored, {count} route{'s' if count > 1 else ''}{among}",
         f"median {statistics.median(took):.1f}, max {max(took):.1f} ms of {runs}",
         f"raw netlink batch {floor:.2f} ms", f"<= {50 + 1.5 * floor:.1f} ms")
    if count > 1:
        show_speed(trials, count, "apply", ("applying", "settling"), "add")
        show_speed(trials, count, "revert", ("reverting", "verifying"), "del")


# -- one durable change ----------------------------------------------------------------------------

DURABLE = GUARD + """
up
rehearse "$2"
trap 'kill $rehearse $guard' EXIT
for i in $(seq "$3"); do
    at="$2/$i"
    guard "$at" "$2"
    mkfifo "$at/said"
    "$B/drive" trial "$at/keys" "$at/guard" socket="$at/guard.sock" device=eth0 routes=1 \
        soak=30 lease=10 > "$at/said" &
    echo "trial $i"
    while read -r line; do
        echo "$line"
        case "$line" in *"nonce first"*) kill $guard;; esac # which takes it back
    done < "$at/said"
    kill $guard 2> "$at/over" || true # a trial that did not come that far is a missing figure
    wait $guard || true
    "$B/bench_sync" "$at/guard" "$device" | sed 's/^/floor /'
done
guard=
"""


def bench_durable(runs):
    """From the guard's word that it starts to its word that all is applied: the undo is on the disk
    then, and one route in the kernel."""
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        trials = split(inside(DURABLE, BIN, folder, runs))
    took = [between([trial], "starting", "settling") for trial in trials]
    floors = [beside([trial], "floor") for trial in trials]
    own, floor = percentile(took, 0.99), percentile(floors, 0.99)
    show("one durable change",
         f"p50 {statistics.median(took):.1f}, p99 {own:.1f} ms of {runs}, {own / floor:.2f}x",
         f"2 fdatasync, 1 netlink: p50 {statistics.median(floors):.1f}, p99 {floor:.1f} ms",
         "p99 <= 2x")
