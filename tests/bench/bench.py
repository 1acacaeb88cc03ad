"""bench: figures beside their floor, measured in the same run. Nothing here passes or fails by a
time; a figure that could not be measured is a failure.

OCEANID_BIN names a folder of release programs; without it build/release/bin is measured.
How each figure is measured stands in docs/figures.md, next to a table that this program printed.
"""

import argparse
import datetime
import os
import platform
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

import agents_figures
import fleet_figures
import trial_figures
from figures import BIN, inside, percentile, show

ROUTES = 100_000
FAILURES = (RuntimeError, AssertionError, OSError, AttributeError, ValueError, LookupError,
            ZeroDivisionError, subprocess.SubprocessError)


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

def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="more of each, an hour's watch")
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--lost", nargs=2, type=int, metavar=("ROUNDS", "SECONDS"),
                       help="only how soon a lost node is known, and false ones")
    alone.add_argument("--agents", nargs=2, type=int, metavar=("COUNT", "SECONDS"),
                       help="only the controller with so many agents")
    return parser.parse_args()


def main():
    given = options()
    long = given.long
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, load average "
          f"{os.getloadavg()[0]:.1f}, {datetime.date.today()}, programs of {BIN}", flush=True)
    show("figure", "measured", "beside it, in the same run", "goal")
    if given.lost:
        return run([lambda: lost(*given.lost)])
    if given.agents:
        return run([lambda: agents_figures.bench_agents(*given.agents)])
    runs = 12 if long else 4
    benches = [bench_snapshot, lambda: bench_rehearse(10_000, 3 * runs),
               lambda: trial_figures.bench_lease(1, runs),
               lambda: trial_figures.bench_lease(256, runs),
               lambda: trial_figures.bench_lease(1, 6 if long else 1, 10_000),
               lambda: trial_figures.bench_durable(100 if long else 25),
               lambda: bench_shield(200 if long else 30, 0),
               lambda: bench_shield(100 if long else 15, 10_000),
               lambda: bench_handshake(500 if long else 50),
               lambda: agents_figures.bench_agents(*(agents_figures.LONG if long
                                                     else agents_figures.SHORT)),
               lambda: fleet_figures.bench_fleet(long)]
    return run(benches)


def lost(rounds, seconds):
    with fleet_figures.built_fleet() as fleet:
        fleet_figures.bench_lost(fleet, rounds, seconds)


def run(benches):
    """0, or 1 when one was not measured."""
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
