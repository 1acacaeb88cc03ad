"""bench: figures beside their floor, measured in the same run. Nothing here passes or fails by a
time; a figure that could not be measured is a failure.

usage: bench.py [--long]     with OCEANID_BIN = a folder of release programs

How each figure is measured stands in docs/figures.md, next to a table that this program printed.
"""

import datetime
import os
import pathlib
import platform
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import fleet_figures
from figures import BIN, percentile, show

ROUTES = 100_000
SOAK_S, LEASE_S = 30, 3
FAILURES = (RuntimeError, AssertionError, OSError, AttributeError, ValueError, IndexError,
            subprocess.SubprocessError)


def inside(script, *arguments, timeout=600):
    """Runs a shell script in a network namespace of its own; returns what it prints."""
    done = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "sh", "-ec", script,
                           "sh", *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


# -- a snapshot ------------------------------------------------------------------------------------

SNAPSHOT = """
ip link set lo up
ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++)
    printf "route add 10.%d.%d.%d/32 dev eth0\\n", i / 65536, i / 256 % 256, i % 256 }' | ip -batch -
"$1/bench_snapshot"
for i in 1 2 3; do
    a=$(date +%s%N); ip route show table all > /dev/null; b=$(date +%s%N); echo "ip $(((b - a) / 1000))"
done
"""


def bench_snapshot():
    lines = inside(SNAPSHOT, BIN, ROUTES).splitlines()
    rows = [tuple(map(float, line.split())) for line in lines if not line.startswith("ip")]
    shows = [int(line.split()[1]) / 1000 for line in lines if line.startswith("ip")]
    raw, own = (statistics.median(row[i] for row in rows) for i in (0, 1))
    ratio = statistics.median(row[1] / row[0] for row in rows)
    show(f"snapshot of {int(rows[0][2])} routes", f"{own:.0f} ms, {ratio:.2f}x raw",
         f"raw walk {raw:.0f} ms, ip route show {statistics.median(shows):.0f} ms",
         "<= 3x raw")


# -- the end of a lease ----------------------------------------------------------------------------

LEASE = """
ip link set lo up
ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
ip address add 203.0.113.10/24 dev eth0
ip -ts monitor route > "$2/monitor" &
monitor=$!
systemd-socket-activate -a --seqpacket -l "$2/rehearse.sock" unshare -n "$1/oceanid-rehearse" \
    2> "$2/rehearse.log" &
rehearse=$!
trap 'kill $monitor $rehearse $guard' EXIT
for i in $(seq "$4"); do
    at="$2/$i"
    mkdir -p "$at/keys" "$at/guard"
    "$1/drive" init "$at/keys" "$at/guard" "$at/trust.yaml"
    printf 'state: %s/guard\\nsocket: %s/guard.sock\\ntrust: %s/trust.yaml\\nagent-user: root\\n' \
        "$at" "$at" "$at" > "$at/guard.yaml"
    echo "rehearse-socket: $2/rehearse.sock" >> "$at/guard.yaml"
    "$1/oceanid-guard" --config "$at/guard.yaml" 2> "$at/guard.log" &
    guard=$!
    while ! [ -S "$at/guard.sock" ]; do read -t 0.05 _ < /dev/zero || true; done
    echo "trial $i"
    "$1/drive" trial "$at/keys" "$at/guard" socket="$at/guard.sock" device=eth0 routes="$3" \
        soak=$5 lease=$6 answers=2 || true
    "$1/bench_routes" "$3" "$(ip -o link show eth0 | cut -d: -f1)" | sed 's/^/floor /'
    kill $guard
    wait $guard || true
done
guard=
"""


def deletions(path):
    """Microseconds of the times at which `ip -ts monitor` saw routes of a trial deleted."""
    found = re.findall(r"^\[([^\]]+)\] Deleted 198\.1[89]\.", path.read_text(), re.MULTILINE)
    return [int(datetime.datetime.fromisoformat(at).timestamp() * 1e6) for at in found]


def moments(trial, what):
    """Microseconds of the times of day at which the guard reported what."""
    return [int(at) for at in re.findall(rf"^(\d+) {what}", trial, re.MULTILINE)]


def lateness(trial, deleted, count):
    """Milliseconds from a lease's end to the kernel restored, and the floor of the same moment.

    The second nonce is the last one that was answered: it is what the lease counts from.
    """
    lease_end = moments(trial, "nonce")[1] + LEASE_S * 10**6
    receipt = moments(trial, "receipt")[0]
    own = [at for at in deleted if lease_end - 10**6 < at < receipt]
    if len(own) != count:
        raise RuntimeError(f"{len(own)} of {count} routes were seen to be deleted: {trial}")
    return (max(own) - lease_end) / 1000, float(re.search(r"floor ([\d.]+)", trial).group(1))


def bench_lease(count, runs):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        trials = inside(LEASE, BIN, folder, count, runs, SOAK_S, LEASE_S).split("trial ")[1:]
        deleted = deletions(pathlib.Path(folder, "monitor"))
        took, floors = zip(*(lateness(trial, deleted, count) for trial in trials))
    floor = statistics.median(floors)
    show(f"lease end -> kernel restored, {count} route{'s' if count > 1 else ''}",
         f"median {statistics.median(took):.1f}, max {max(took):.1f} ms of {runs}",
         f"raw netlink batch {floor:.2f} ms", f"<= {50 + 1.5 * floor:.1f} ms")


# -- a shield that is taken away -------------------------------------------------------------------

SHIELD = """
ip link set lo up
ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
ip address add 203.0.113.10/24 dev eth0
awk -v n="$4" 'BEGIN { for (i = 0; i < n; i++)
    printf "route add 10.%d.%d.%d/32 dev eth0\\n", i / 65536, i / 256 % 256, i % 256 }' | ip -batch -
mkdir -p "$2/keys" "$2/guard"
"$1/drive" init "$2/keys" "$2/guard" "$2/trust.yaml"
printf 'state: %s/guard\\nsocket: %s/guard.sock\\ntrust: %s/trust.yaml\\nagent-user: root\\n' \
    "$2" "$2" "$2" > "$2/guard.yaml"
echo "rehearse-socket: $2/rehearse.sock" >> "$2/guard.yaml"
systemd-socket-activate -a --seqpacket -l "$2/rehearse.sock" unshare -n "$1/oceanid-rehearse" \
    2> "$2/rehearse.log" &
rehearse=$!
"$1/oceanid-guard" --config "$2/guard.yaml" 2> "$2/guard.log" &
guard=$!
trap 'kill $guard $rehearse' EXIT
while ! [ -S "$2/guard.sock" ]; do read -t 0.05 _ < /dev/zero || true; done
"$1/drive" trial "$2/keys" "$2/guard" socket="$2/guard.sock" device=eth0 shield=1 soak=1 >&2
"$1/bench_shield" "$3" "$(ip -o link show eth0 | cut -d: -f1)"
"""


def bench_shield(count, routes):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        rows = [tuple(map(float, line.split()))
                for line in inside(SHIELD, BIN, folder, count, routes).splitlines()]
    heard, back = zip(*rows)
    own = percentile([late - early for early, late in rows], 0.99)
    beside = f", {routes} other routes" if routes else ""
    show(f"shield put back{beside}",
         f"p50 {statistics.median(back):.1f}, p99 {percentile(back, 0.99):.1f} ms of {len(back)}",
         f"notification alone p50 {statistics.median(heard):.2f}, p99 {percentile(heard, 0.99):.1f};"
         f" behind it p99 {own:.1f}", "p99 <= 100 ms")


# -- a rehearsal -----------------------------------------------------------------------------------

REHEARSE = """
up() {
    ip link set lo up
    ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
}
floor() { up; "$1/bench_routes" "$2" "$(ip -o link show eth0 | cut -d: -f1)" add; }
if [ "$1" = floor ]; then shift; floor "$@"; exit; fi
up
ip address add 203.0.113.10/24 dev eth0
awk -v n="$2" 'BEGIN { for (i = 0; i < n; i++)
    printf "route add 10.%d.%d.%d/32 dev eth0\\n", i / 65536, i / 256 % 256, i % 256 }' | ip -batch -
systemd-socket-activate -a --seqpacket -l "$3/rehearse.sock" unshare -n "$1/oceanid-rehearse" \
    2> "$3/log" &
trap "kill $!" EXIT
while ! [ -S "$3/rehearse.sock" ]; do read -t 0.05 _ < /dev/zero || true; done
for i in $(seq "$4"); do
    echo "$("$1/bench_rehearse" "$3/rehearse.sock") $(unshare -n sh -ec "$5" sh floor "$1" "$2" "$3" "$4")"
done
"""


def bench_rehearse(count, runs):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        lines = inside(REHEARSE, BIN, count, folder, runs, REHEARSE).splitlines()
    rows = [tuple(map(float, line.split())) for line in lines]
    own, floor = (statistics.median(row[i] for row in rows) for i in (1, 2))
    ratio = statistics.median(row[1] / row[2] for row in rows)
    show(f"rehearsal, host of {int(rows[0][0])} routes", f"{own:.0f} ms, {ratio:.2f}x raw",
         f"raw batch into a namespace {floor:.0f} ms", "<= 2x raw")


# -- connections -----------------------------------------------------------------------------------

def shake_hands(server, client):
    """One handshake in memory between two contexts of OpenSSL."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname="controller"),
            server.wrap_bio(to_server, to_client, server_side=True)]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass


def openssl_context(protocol, folder, name):
    context = ssl.SSLContext(protocol)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # as nng's with Debian 12's mbedTLS
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(f"{folder}/bench-{name}.pem", f"{folder}/bench-{name}.key")
    context.load_verify_locations(f"{folder}/bench-{name}.ca")
    context.options |= ssl.OP_NO_TICKET
    return context


def bench_handshake(count):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        cpu, wall = map(float, subprocess.run(
            [BIN / "bench_handshake", folder, str(count)], check=True, text=True,
            stdout=subprocess.PIPE, timeout=120).stdout.split())
        server = openssl_context(ssl.PROTOCOL_TLS_SERVER, folder, "controller")
        client = openssl_context(ssl.PROTOCOL_TLS_CLIENT, folder, "agent")
        started = time.process_time()
        for _ in range(count):
            shake_hands(server, client)
        openssl = (time.process_time() - started) / count
    show("CPU of one agent's connection, both ends",
         f"{cpu / 1000:.1f} ms ({wall / 1000:.1f} ms wall)",
         f"OpenSSL handshake alone {openssl * 1000:.1f} ms", "")


# --------------------------------------------------------------------------------------------------

def main():
    long = "--long" in sys.argv
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, load average "
          f"{os.getloadavg()[0]:.1f}, {datetime.date.today()}, programs of {BIN}", flush=True)
    show("figure", "measured", "beside it, in the same run", "goal")
    runs = 12 if long else 4
    benches = [bench_snapshot, lambda: bench_rehearse(10_000, 3 * runs),
               lambda: bench_lease(1, runs), lambda: bench_lease(100, runs),
               lambda: bench_shield(200 if long else 30, 0),
               lambda: bench_shield(100 if long else 15, 10_000),
               lambda: bench_handshake(500 if long else 50),
               lambda: fleet_figures.bench_fleet(long)]
    failed = 0
    for bench in benches:
        try:
            bench()
        except FAILURES as error:
            print(f"not measured: {error}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
