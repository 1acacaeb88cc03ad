"""agents_figures: what a controller with many agents costs, and whether its decisions wait for their
reports: bench_agents' lines as figures.
"""

import re
import signal
import subprocess
import tempfile

from figures import BIN, show

SHORT, LONG = (100, 4), (1000, 20)      # agents, seconds of each phase
TRIES = 4


def parse(text):
    """{first word of a line: {name: number}}; a name that comes again has the one before it put
    in front: renewals.p99."""
    lines = {}
    for line in text.splitlines():
        words = line.split()
        found, group = {}, ""
        for name, number in re.findall(r"([a-z_]+\d*) (-?[\d.]+)", " ".join(words[1:])):
            if name in ("renewals", "orders", "reports"):
                group = f"{name}."
            found[group + name if name in ("p50", "p99") else name] = float(number)
        lines[words[0]] = found
        if re.match(r"[\d.]+$", words[1]):
            found["agents"] = float(words[1])
    return lines


def ms(us):
    return f"{us / 1000:.1f}"


def show_decisions(lines):
    """Rows in which nobody's load matters, then beside reports, then beside a flood."""
    syncs = lines["syncs"]["p99"]
    quiet = lines["quiet"]
    show("event -> durable -> command sent", f"p50 {ms(quiet['orders.p50'])}, p99 "
         f"{ms(quiet['orders.p99'])} ms of {quiet['orders']:.0f}",
         f"two fdatasync p50 {ms(lines['syncs']['p50'])}, p99 {ms(syncs)} ms; the check of its "
         f"signature {ms(lines['syncs']['check_us'])} ms", "p99 <= 2x")
    for what, beside in (("reports", f"{lines['reports']['reports']:.0f} reports"),
                         ("flood", f"and one that floods, {lines['flood']['floods']:.0f} more")):
        now = lines[what]
        show(f"a renewal's way, {beside}", f"p50 {ms(now['renewals.p50'])}, p99 "
             f"{ms(now['renewals.p99'])} ms of {now['renewals']:.0f}",
             f"without reports p50 {ms(quiet['renewals.p50'])}, p99 {ms(quiet['renewals.p99'])} ms")
    flood = lines["flood"]
    show("a report of the others beside the flood", f"p50 {ms(flood['reports.p50'])}, p99 "
         f"{ms(flood['reports.p99'])} ms of {flood['reports']:.0f}",
         f"without the flood p50 {ms(lines['reports']['reports.p50'])}, p99 "
         f"{ms(lines['reports']['reports.p99'])} ms")


def show_costs(lines):
    floor, reports = lines["floor"], lines["reports"]
    cpu_us = (reports["cpu_s"] - lines["quiet"]["cpu_s"]) * 1e6 / reports["reports"]
    show("controller CPU of one report", f"{cpu_us:.0f} us, {cpu_us / floor['request_us']:.2f}x",
         f"bare REP over TLS {floor['request_us']:.0f} us", "<= 2x")
    agents = lines["connected"]["agents"]
    kib = (lines["rss"]["behind_kib"] - lines["rss"]["before_kib"]) / agents
    show(f"controller RSS of one of {agents:.0f} agents",
         f"{kib:.1f} KiB, {kib / floor['connection_kib']:.2f}x",
         f"bare connection {floor['connection_kib']:.1f} KiB", "<= 1.5x")
    back = lines["back"]["s"]
    show(f"{agents:.0f} agents back after kill -9",
         f"{back:.1f} s, {back / floor['connect_s']:.2f}x",
         f"as many bare connections {floor['connect_s']:.1f} s", "<= 1.5x")


def run_agents(count, seconds):
    """What bench_agents prints. nng may not end a connection (docs/decisions/0003), and one process
    that plays a thousand agents loses a thousand at once: it ends itself then, and is begun again."""
    for again in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="oceanid-bench-") as folder:
            done = subprocess.run([BIN / "bench_agents", BIN / "oceanid-controller", folder,
                                   str(count), str(seconds)], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=900, check=False)
        if done.returncode != -signal.SIGABRT:
            break
        print(f"bench_agents: try {again + 1} of {TRIES}: {done.stderr.strip()[-200:]}", flush=True)
    if done.returncode != 0:
        raise RuntimeError(f"bench_agents ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def bench_agents(count, seconds):
    lines = parse(run_agents(count, seconds))
    show_decisions(lines)
    show_costs(lines)
