"""lost_figures: how long it takes until the controller knows that a node is lost, and how often it
says so of one that is not.

Known is: the line in its log behind which `oceanidctl status` shows it. What is lost is an agent that
is killed (-9), one that is frozen (SIGSTOP), and a host whose cable is pulled at the far switch, so
that neither end is told.
"""

import re
import signal
import statistics
import subprocess
import sys
import time

from figures import show
from lab import wait_until

NODE = "srv712695"
KNOWN_S = 30                # what takes longer is not known
BESIDE = "as they say themselves: BFD 0.9 s, Serf 12 s, Kubernetes 40 s"
GOAL = "<= 3.5 s, 0 false in an hour under load"
SPIN = "while True: pass"
LOST = r"(silent, nothing was heard|its last connection is gone)"


def log_of(fleet):
    return fleet.controller.unit("oceanid-controller").process.output()


def connected(fleet):
    node = fleet.nodes()[NODE]
    return node["connected"] and not node["silent"]


def lose(fleet, take, give):
    """Seconds from taking the node away to the controller's word; it is given back afterwards."""
    wait_until(lambda: connected(fleet), 60, f"{NODE} to be connected")
    before = len(log_of(fleet))
    take()
    began = time.monotonic()
    wait_until(lambda: re.search(f"{NODE}: {LOST}", log_of(fleet)[before:]), KNOWN_S,
               f"the controller to know that {NODE} is lost", every_s=0.005)
    took = time.monotonic() - began
    give()
    return took


def bench_losses(fleet, rounds):
    node = fleet.lab[NODE]

    def send(number):
        def to_agent():
            unit = node.unit("oceanid-agent")
            wait_until(lambda: unit.process.alive(), 10, f"{NODE}'s agent to run")
            unit.process.send(number)
        return to_agent

    for what, take, give in (
            ("agent killed", send(signal.SIGKILL), lambda: None),
            ("agent frozen", send(signal.SIGSTOP), send(signal.SIGCONT)),
            ("host cut off", node.cut_link, node.restore_link)):
        took = [lose(fleet, take, give) for _ in range(rounds)]
        show(f"node lost -> known, {what}",
             f"median {statistics.median(took):.2f}, max {max(took):.2f} s of {rounds}",
             BESIDE if what == "agent killed" else "", "<= 3.5 s")
    wait_until(lambda: connected(fleet), 60, f"{NODE} to be connected again")


def bench_false(fleet, seconds):
    """Two busy loops beside the lab, as much preferred as it is."""
    before = len(log_of(fleet))
    spinners = [subprocess.Popen([sys.executable, "-IS", "-c", SPIN]) for _ in range(2)]
    try:
        fleet.lab[NODE].run([sys.executable, "-IS", "-c", "import time; time.sleep(%d)" % seconds],
                            timeout=seconds + 60)
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
    said = re.findall(rf"(\S+): {LOST}", log_of(fleet)[before:])
    show("nodes said to be lost that are not", f"{len(said)} in {seconds} s of 4 nodes",
         ", ".join(f"{name}: {what}" for name, what in said), "0 in 3600 s")


def bench_lost(fleet, rounds, seconds):
    bench_losses(fleet, rounds)
    bench_false(fleet, seconds)
