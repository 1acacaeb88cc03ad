"""bench: figures beside their floor, measured in the same run. Nothing here passes or fails by a
time; a figure that could not be measured is a failure.

usage: bench.py [--long]     with OCEANID_BIN = a folder of release programs
"""

import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))
BIN = pathlib.Path(os.environ.get("OCEANID_BIN", HERE.parent.parent / "build/release/bin"))
ROUTES = 100_000


def show(what, value, beside="", goal=""):
    print(f"{what:<52} {value:<28} {beside:<44} {goal}", flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def inside(script, *arguments, timeout=300):
    """Runs a shell script in a network namespace of its own; returns what it prints."""
    done = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "sh", "-ec", script,
                           "sh", *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


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
    show(f"snapshot of {int(rows[0][2])} routes", f"{own:.0f} ms",
         f"raw walk {raw:.0f} ms, ip route show {statistics.median(shows):.0f} ms",
         f"{ratio:.2f}x raw (goal <= 3x)")


LEASE = """
ip link set lo up
ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up
ip address add 203.0.113.10/24 dev eth0
mkdir -p "$2/keys" "$2/guard"
"$1/drive" init "$2/keys" "$2/guard" "$2/trust.yaml"
printf 'state: %s/guard\\nsocket: %s/guard.sock\\ntrust: %s/trust.yaml\\nagent-user: root\\n' \
    "$2" "$2" "$2" > "$2/guard.yaml"
"$1/oceanid-guard" --config "$2/guard.yaml" 2> "$2/guard.log" &
guard=$!
trap 'kill $guard' EXIT
while ! [ -S "$2/guard.sock" ]; do read -t 0.05 _ < /dev/zero || true; done
ip -ts monitor route > "$2/monitor" &
monitor=$!
"$1/drive" trial "$2/keys" "$2/guard" socket="$2/guard.sock" device=eth0 routes="$3" \
    soak=30 lease=5 answers=2 || true
kill $monitor
"$1/bench_routes" "$3" "$(ip -o link show eth0 | cut -d: -f1)" | sed 's/^/floor /'
"""


def last_delete(path):
    """Seconds of the day of the last deleted route that `ip -ts monitor` saw."""
    found = [line for line in pathlib.Path(path).read_text().splitlines()
             if "Deleted" in line and "198.1" in line]
    if not found:
        raise RuntimeError("no route of the trial was seen to be deleted")
    hours, minutes, seconds = re.match(r"\[[-\d]*T?(\d+):(\d+):([\d.]+)\]", found[-1]).groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def bench_lease(count):
    with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
        output = inside(LEASE, BIN, folder, count)
        nonces = [line.split()[0] for line in output.splitlines()
                  if line.split()[1:2] == ["nonce"]]
        floor = float(re.search(r"floor ([\d.]+)", output).group(1))
        issued = int(nonces[1]) / 1e6  # the second nonce is the last one that was answered
        moment = time.localtime(issued)
        lease_end = (moment.tm_hour * 3600 + moment.tm_min * 60 + moment.tm_sec + issued % 1) + 5
        took = (last_delete(f"{folder}/monitor") - lease_end) * 1000
    goal = 50 + 1.5 * floor
    show(f"lease end -> kernel restored, {count} route(s)", f"{took:.1f} ms",
         f"raw netlink batch {floor:.2f} ms", f"goal <= {goal:.1f} ms")


def bench_event(fleet, rounds):
    """A sysctl check flips on srv712695; until the controller's store says so."""
    node = fleet.lab["srv712695"]
    took = []
    for number in range(rounds):
        wanted = "fail" if number % 2 == 0 else "pass"
        started = time.monotonic()
        node.ip("link", "set", "cni0", "mtu", "1400" if wanted == "fail" else "1500")
        while fleet.verdict("srv712695", "bench") != wanted:
            if time.monotonic() - started > 10:
                raise RuntimeError(f"the verdict did not become {wanted} in 10 s")
        took.append((time.monotonic() - started) * 1000)
    show("kernel event -> verdict stored", f"p50 {statistics.median(took):.0f} ms",
         f"p99 {percentile(took, 0.99):.0f} ms (asked over HTTP)", "goal p99 <= 150 ms")


def resident(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def ticks(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


def idle_share(pids, seconds):
    """Percent of one CPU that the processes used together while nothing happened."""
    before = sum(map(ticks, pids))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        subprocess.run(["true"], check=False)
        time.sleep(0.5)
    return (sum(map(ticks, pids)) - before) / os.sysconf("SC_CLK_TCK") / seconds * 100


def bench_weight(fleet, seconds):
    node = fleet.lab["srv712695"]
    agent = node.unit("oceanid-agent").process.pid
    guard = node.unit("oceanid-guard").process.pid
    exporter = node.popen(["/usr/bin/prometheus-node-exporter", "--web.listen-address=127.0.0.1:9100"])
    show("RSS agent, guard", f"{resident(agent)}, {resident(guard)} KiB",
         f"prometheus-node-exporter {resident(exporter.pid)} KiB")
    ours, theirs = idle_share([agent, guard], seconds), idle_share([exporter.pid], seconds)
    show("idle CPU agent + guard", f"{ours:.2f} %", f"prometheus-node-exporter {theirs:.2f} %")
    node.kill(exporter)


def bench_fleet(long):
    from lab import Lab
    from lab.fleet import Fleet, FLEET
    with Lab.build(tailnet="standin") as lab:
        fleet = Fleet(lab)
        fleet.text = FLEET.replace("checks:\n", "checks:\n  - { name: bench, kind: link, for: "
                                   "[srv712695], device: cni0, mtu: 1500, severity: warning }\n")
        fleet.install()
        bench_event(fleet, 100 if long else 20)
        bench_weight(fleet, 60 if long else 10)


def main():
    long = "--long" in sys.argv
    benches = [bench_snapshot, lambda: bench_lease(1), lambda: bench_lease(100),
               lambda: bench_fleet(long)]
    failed = 0
    for bench in benches:
        try:
            bench()
        except (RuntimeError, AssertionError, OSError, AttributeError, subprocess.SubprocessError) as error:
            print(f"not measured: {error}", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
