"""fleet_figures: what is measured on a whole fleet in the lab: how long an event takes to the
controller's store, and what the programs of a node weigh while nothing happens.
"""

import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import time

from figures import BIN, HERE, percentile, show

sys.path.insert(0, str(HERE.parent / "lab"))
from lab import Lab, fleet as fleets, wait_until  # noqa: E402
from lost_figures import bench_lost  # noqa: E402

NODE = "srv712695"
DEVICE = "cni0"
CHECK = (f"  - {{ name: bench, kind: link, for: [{NODE}], device: {DEVICE}, mtu: 1500, "
         "severity: warning }\n")
DEBOUNCE_MS = 50  # agent/core/schedule.h DEBOUNCE_QUIET_MS
ROUTES = 100_000
SCRAPE_S = 15
PYTHON = [sys.executable, "-IS", HERE / "inside.py"]


# -- from the kernel to the store ------------------------------------------------------------------

def floor_ms(fleet):
    """What an event cannot be faster than: the debounce, one walk of the kernel's tables, one way
    to the controller and back, and one commit there."""
    node, controller = fleet.lab[NODE], fleet.controller
    walk = statistics.median(float(line.split()[0]) for line in
                             node.run([BIN / "bench_snapshot"]).stdout.splitlines())
    travel = float(node.run([*PYTHON, "connect", controller.address, "7430"]).stdout) / 1000
    commit = float(controller.run([*PYTHON, "commit", "/var/lib/oceanid/controller"]).stdout) / 1000
    return DEBOUNCE_MS + walk + travel + commit


def kept(fleet):
    """(event, kept) in microseconds of the time of day, as the controller's debug log has them."""
    log = fleet.controller.unit("oceanid-controller").process.output()
    line = rf"{NODE}: \d+ verdicts of the event at (\d+) us are kept (\d+) us later"
    found = re.findall(line, log)
    return [(int(event), int(event) + int(later)) for event, later in found]


def match(changes, stored, within_us):
    """(change, event, kept) for each change after which a verdict was kept in time. Its event may
    be an earlier one than the change: then they were debounced together."""
    for change in changes:
        after = [(event, at) for event, at in stored if change <= at < change + within_us]
        if after:
            yield change, *after[0]
        else:
            print(f"no verdict was kept after the change at {change} us", file=sys.stderr)


def bench_event(fleet, rounds, pause_s=0.4, what="", goal="p99 <= 150 ms"):
    """The MTU of a device changes; its check's verdict follows. All hosts of the lab have the same
    clock, so that times of node and controller may be subtracted."""
    changes = list(map(int, fleet.lab[NODE].run(
        [*PYTHON, "toggle", DEVICE, rounds, pause_s], timeout=rounds * 3 + 30).stdout.split()))
    took, hints = [], []
    for change, event, at in match(changes, kept(fleet), pause_s * 0.9e6):
        took.append((at - change) / 1000)
        hints.append((event - change) / 1000)
    if len(took) < rounds * 0.9:
        raise RuntimeError(f"{len(took)} of {rounds} events came to the controller in {pause_s} s")
    p50, p99 = statistics.median(took), percentile(took, 0.99)
    show(f"kernel event -> verdict stored{what}",
         f"p50 {p50:.1f}, p99 {p99:.1f} ms ({len(took)} of {rounds})",
         f"{DEBOUNCE_MS} ms debounce, walk, way, commit: {floor_ms(fleet):.1f} ms; heard after "
         f"{statistics.median(hints):.1f} ms", goal)


def bench_large(fleet, rounds):
    """The same on a node with many routes, in a table that nothing asks for."""
    node = fleet.lab[NODE]
    node.net(["ip", "-batch", "-"], input="".join(
        f"route add 10.{64 + i // 65536}.{i // 256 % 256}.{i % 256}/32 dev {DEVICE} table 777\n"
        for i in range(ROUTES)))
    bench_event(fleet, rounds, 1.5, f", {ROUTES} routes", "")
    agent = node.unit("oceanid-agent").process.pid
    show(f"RSS oceanid-agent, {ROUTES} routes", f"{status(agent, 'VmRSS')} KiB")


# -- at rest ---------------------------------------------------------------------------------------

def status(pid, key):
    return int(re.search(rf"^{key}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(),
                         re.MULTILINE).group(1))


def usage(pid):
    """(seconds on a CPU of all threads, also those that ended; wake-ups of those that are there)"""
    cpu_clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) makes it
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return time.clock_gettime(cpu_clock), sum(
        status(f"{pid}/task/{task.name}", "voluntary_ctxt_switches") for task in tasks)


def rates(pids, seconds):
    """{pid: (percent of one CPU, wake-ups a second)} over so many seconds."""
    before = {pid: usage(pid) for pid in pids}
    started = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - started
    after = {pid: usage(pid) for pid in pids}
    return {pid: ((after[pid][0] - before[pid][0]) / took * 100,
                  (after[pid][1] - before[pid][1]) / took) for pid in pids}


def libraries(program):
    """The paths of the shared libraries that a program loads."""
    done = subprocess.run(["ldd", BIN / program], check=True, text=True, stdout=subprocess.PIPE)
    return re.findall(r"=> (/\S+)", done.stdout)


def floor_resident(program):
    """KiB (resident, its own of it) of a process that loads the program's libraries and waits."""
    with subprocess.Popen([BIN / "bench_floor", *libraries(program)], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the libraries of {program} cannot be loaded")
        resident = status(process.pid, "VmRSS"), status(process.pid, "RssAnon")
        process.stdin.close()
    return resident


def show_guard(pid, used, floor):
    """floor: the pid of bench_libnl, and what it used."""
    own, empty = status(pid, "VmRSS"), status(floor[0], "VmRSS")
    show("RSS oceanid-guard beside an empty program", f"{own} KiB, {own / empty:.2f}x",
         f"libnl alone {empty} KiB", "<= 2x")
    show("idle wake-ups oceanid-guard", f"{used[1]:.2f}/s", f"libnl alone {floor[1][1]:.2f}/s",
         "<= 0.1/s")


def bench_weight(fleet, seconds):
    """The exporter is scraped meanwhile, as it is where it is in use; the agent does its checks."""
    node = fleet.lab[NODE]
    pids = {program: node.unit(program).process.pid
            for program in ("oceanid-agent", "oceanid-guard")}
    exporter = node.popen(["/usr/bin/prometheus-node-exporter",
                           "--web.listen-address=127.0.0.1:9100"])
    wait_until(lambda: node.listens(9100), 10, "prometheus-node-exporter to listen")
    scraper = node.popen([*PYTHON, "get", "http://127.0.0.1:9100/metrics", str(SCRAPE_S)],
                         name="scraper")
    pids["prometheus-node-exporter"] = exporter.pid
    empty = node.popen([BIN / "bench_libnl"], name="bench_libnl", stdin=subprocess.PIPE)
    wait_until(lambda: "ready" in empty.output(), 10, "bench_libnl to listen")
    used = rates([*pids.values(), empty.pid], seconds)
    other = pids.pop("prometheus-node-exporter")
    show_guard(pids["oceanid-guard"], used[pids["oceanid-guard"]], (empty.pid, used[empty.pid]))
    for program, pid in pids.items():
        show(f"RSS {program}", f"{status(pid, 'VmRSS')} KiB, {status(pid, 'RssAnon')} not shared",
             "its libraries alone {} KiB, {}; node-exporter {}, {}".format(
                 *floor_resident(program), status(other, "VmRSS"), status(other, "RssAnon")))
        show(f"idle CPU {program}", "{:.2f} %, {:.1f} wake-ups/s".format(*used[pid]),
             "node-exporter {:.2f} %, {:.1f} wake-ups/s".format(*used[other]))
    for process in (scraper, exporter, empty):
        node.kill(process)


# -- SSH -------------------------------------------------------------------------------------------

def bench_ssh(fleet, count):
    """From the witness outside to the node, as at rest and in a trial. sshd (MaxStartups 100) does
    not take many more than that in a row."""
    office, address = fleet.lab["office"], fleet.lab[NODE].address
    probed = office.run([BIN / "bench_ssh", address, count], timeout=120).stdout
    cpu, wall = map(float, probed.split())
    scan = float(office.run([*PYTHON, "keyscan", address, count], timeout=120).stdout)
    show("CPU of one SSH probe, the witness's end",
         f"{cpu / 1000:.1f} ms ({wall / 1000:.1f} ms wall)",
         f"ssh-keyscan, a process each {scan / 1000:.1f} ms")


# --------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def built_fleet():
    fleets.CONTROLLER = re.sub(r"^log: .*", "log: debug", fleets.CONTROLLER, flags=re.MULTILINE)
    with Lab.build(tailnet="standin") as lab:
        fleet = fleets.Fleet(lab)
        fleet.text = fleets.FLEET.replace("checks:\n", f"checks:\n{CHECK}")
        yield fleet.install()


def bench_fleet(long):
    with built_fleet() as fleet:
        bench_lost(fleet, 10 if long else 1, 3600 if long else 5)
        bench_event(fleet, 400 if long else 60)
        bench_weight(fleet, 90 if long else 30)
        bench_ssh(fleet, 40)
        bench_large(fleet, 50 if long else 15)
