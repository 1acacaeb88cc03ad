"""story: what packaging/quickstart tells, step by step. Every line is measured when it is printed;
a step that does not behave ends the story with exit code 1 and its name.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import time

from lab import changes, tailnet_real
from lab.fleet import PKI, Fleet
from lab.lab import Lab, end_detached
from lab.wait import wait_until

KEPT = pathlib.Path("/run/oceanid-quickstart")
ENDED = ("complete", "reverted", "halted", "aborted", "incomplete")
STYX = "srv712695"


class Story:
    """One step a method; each returns what was seen, as one line for the summary."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.lab = fleet.lab
        self.styx = self.lab[STYX]
        self.seen = []

    # -- looking ------------------------------------------------------------------------------

    def say(self, text):
        print(f"   {text}", flush=True)

    def expect(self, truth, expected, observed):
        """The story ends here when something is not as it should be."""
        if not truth:
            raise AssertionError(f"expected {expected}, observed {observed}")

    def ssh_from_outside(self):
        return self.lab["office"].ssh_banner("203.0.113.10")

    def expect_ssh(self, when):
        found = self.ssh_from_outside()
        self.expect(found, f"SSH to {STYX} from outside {when}", "no banner")
        self.say(f"SSH to {STYX} from outside: {found}")

    def exit_node(self, name):
        return self.lab.tailnet.prefs(self.lab[name])["ExitNodeID"]

    def quarantines(self):
        held = self.fleet.json("hold", "list")["holds"]
        return list(dict.fromkeys(hold["receipt"] for hold in held
                                  if hold["kind"] == "quarantine"))

    def start(self, name, text):
        text = changes.with_quarantines(text, self.quarantines())
        self.fleet.start(name, text)

    def outcome(self):
        rollout = self.fleet.wait_outcome(ENDED)
        self.say(f"rollout {rollout['change']}: {rollout['outcome']}; {rollout['sentence']}")
        return rollout["outcome"]

    def untouched(self, name, before):
        after = self.lab[name].ip("rule", "show") + self.lab[name].ip("route", "show")
        self.expect(after == before, f"{name} untouched", f"rules and routes:\n{after}")

    def routing_of(self, name):
        return self.lab[name].ip("rule", "show") + self.lab[name].ip("route", "show")

    # -- the steps ----------------------------------------------------------------------------

    def step_1_join(self):
        """The fleet joins and is admitted"""
        self.fleet.install()
        print(self.fleet.ctl("status").stdout)
        healthy = [name for name, node in self.fleet.nodes().items() if node["health"] == "pass"]
        self.expect(len(healthy) >= 4, "three healthy nodes and the witness", healthy)
        return f"joined and healthy: {', '.join(sorted(healthy))}"

    def step_2_refused(self):
        """The incident's change (exit node on the workers, nothing else) is refused"""
        before = self.routing_of(STYX)
        done = self.fleet.start("incident", changes.INCIDENT, check=False)
        said = done.stdout + done.stderr
        reason = re.search(r"replies from .* would leave by .*", said)
        self.expect(done.returncode == 1 and reason, "a refusal (exit 1) with its reason",
                    f"exit {done.returncode}:\n{said}")
        self.say(reason.group(0))
        self.untouched(STYX, before)
        return f"refused: {reason.group(0)}"

    def step_3_unseen(self):
        """A change that no prediction can see: a gateway that forwards nothing"""
        calypso = self.routing_of("calypso")
        started = time.monotonic()
        self.fleet.start("second-gateway", changes.BLACK_HOLE)
        wait_until(lambda: "203.0.113.254" in self.styx.ip("route"), 30, "the change to be on")
        on = time.monotonic()
        self.say(f"the new default route is on {STYX} after {on - started:.1f} s; "
                 f"SSH from outside: {self.ssh_from_outside() or 'dead'}")
        wait_until(lambda: "203.0.113.254" not in self.styx.ip("route"), 60, "the revert")
        took = time.monotonic() - on
        self.say(f"{STYX} took it back by itself after {took:.1f} s "
                 f"(lease {self.fleet.lease}); nobody told it to")
        self.expect(self.outcome() == "reverted", "the rollout reverted", "another outcome")
        self.expect_ssh("after the revert")
        self.untouched("calypso", calypso)
        held = [hold for hold in self.fleet.json("hold", "list")["holds"]
                if hold["kind"] == "quarantine"]
        self.expect(held, "a quarantine", "none")
        return f"reverted by itself in {took:.1f} s; quarantined: {held[0]['object']}"

    def step_4_subtle(self):
        """The subtle one: a rule for the API server's address, then the exit node"""
        self.fleet.start("subtle", changes.SUBTLE)
        self.expect(self.outcome() == "reverted", "the rollout reverted", "another outcome")
        lines = [line for line in self.fleet.audit()
                 if "srv712429: pass, not counted" in line or "office: fail" in line]
        for line in lines[-2:]:
            self.say(line)
        text = "\n".join(lines)
        self.expect("srv712429: pass, not counted" in text and "office: fail" in text,
                    "both witnesses in the audit", text or "neither")
        wait_until(lambda: self.exit_node(STYX) == "", 15, "the exit node to be unset again")
        self.expect_ssh("after the revert")
        return "the controller's host still saw SSH (not counted), office did not: reverted"

    def step_5_good(self):
        """The good change: protect, then the exit node; one node first"""
        plan = self.fleet.write_change("workers-use-exit-node", changes.GOOD)
        said = self.fleet.ctl("plan", plan, check=False)
        print(said.stdout)
        self.expect("quarantine" in said.stdout + said.stderr,
                    "the plan to name what is quarantined since step 4", said.stdout)
        self.say(f"What failed on {STYX} in step 4 is in quarantine there: the approval has to name "
                 "the receipt and a reason. And what the change fixes has to fail again after that "
                 "revert, which is waited for; then it is signed, with both.")
        self.fleet.wait_needed(STYX)
        self.start("workers-use-exit-node", changes.GOOD)
        self.fleet.wait_state(STYX, "confirmed")
        self.fleet.wait_rollout(lambda r: r["waiting_for"] == "next", 20, "it to wait for next")
        self.say(f"{STYX} confirmed after its soak of {self.fleet.soak} (shortened for this "
                 "story); waiting for `rollout next`")
        self.expect(self.exit_node("calypso") == "", "calypso untouched before next", "touched")
        self.fleet.ctl("rollout", "next")
        self.expect(self.outcome() == "complete", "the rollout complete", "another outcome")
        for name in (STYX, "calypso"):
            seen = self.lab[name].egress_address()
            self.expect(seen == "198.51.100.10", f"egress of {name} by the exit node", seen)
            self.say(f"egress of {name} is seen as {seen}")
        self.expect_ssh("with the exit node in use")
        self.expect(self.lab["srv712429"].ssh_banner("100.64.0.3"), "SSH to calypso", "none")
        return "one node, soak, next, the other; egress 198.51.100.10; SSH throughout"

    def drill(self, name):
        """A harmless change on trial on styx."""
        self.fleet.wait_settled()
        self.start(name, changes.HARMLESS)
        self.fleet.wait_state(STYX, "on trial")
        wait_until(lambda: not self.gone(), 10, "the drill's route")

    def gone(self):
        return "198.18.255.0/24" not in self.styx.ip("route")

    def step_6_deaths(self):
        """The controller dies in a trial; the node is rebooted in another"""
        controller = self.fleet.controller.unit("oceanid-controller")
        self.drill("controller-dies")
        started = time.monotonic()
        controller.power_lost()  # nothing restarts it before the lease has run out
        self.fleet.controller.kill(controller.process)
        wait_until(self.gone, 60, "the lease to run out and the change to be taken back")
        lease = time.monotonic() - started
        self.say(f"controller killed with -9: taken back after {lease:.1f} s")
        controller.start()
        self.expect(self.outcome() == "reverted", "the rollout reverted", "another outcome")
        self.drill("node-reboots")
        self.styx.reboot()
        self.expect(self.gone(), "the route gone after the reboot", "still there")
        self.say(f"{STYX} rebooted in a trial: it came up without the change")
        self.expect(self.outcome() == "reverted", "the rollout reverted", "another outcome")
        return f"controller dead: back after {lease:.1f} s; rebooted: back at boot"

    def step_7_emergency(self):
        """Emergency: by the controller, then with everything dead"""
        self.fleet.ctl("emergency-rollback", "--all", "--yes")
        wait_until(lambda: self.exit_node(STYX) == "" and self.exit_node("calypso") == "", 30,
                   "both exit nodes to be unset")
        self.say("emergency-rollback --all: both workers are as they were")
        self.fleet.wait_needed(STYX)
        self.fleet.wait_settled()
        self.start("once-more", changes.ONE_NODE)
        self.fleet.wait_state(STYX, "confirmed")
        self.break_everything()
        return self.rescue()

    def break_everything(self):
        self.fleet.controller.unit("oceanid-controller").power_lost()
        self.lab.hosts["srv712429"].kill(
            self.fleet.controller.unit("oceanid-controller").process)
        for unit in ("oceanid-agent", "oceanid-guard"):
            self.styx.unit(unit).power_lost()
            self.styx.kill(self.styx.unit(unit).process)
        self.lab.tailnet.freeze(self.styx)
        self.styx.ip("rule", "flush")
        self.styx.ip("rule", "add", "pref", "32766", "lookup", "main")
        self.styx.ip("rule", "add", "pref", "5270", "lookup", "52")
        self.say("controller, agent and guard killed, tailscaled frozen, rules flushed: SSH is "
                 f"{self.ssh_from_outside() or 'dead'}")

    def rescue(self):
        self.expect(self.ssh_from_outside() is None, "SSH lost", "a banner")
        started = time.monotonic()
        command = self.styx.popen(["/usr/sbin/oceanid-rollback", "--yes"], name="rescue")
        wait_until(self.ssh_from_outside, 10, "SSH from outside after the rescue")
        took = time.monotonic() - started
        command.wait(30)
        print(command.output())
        self.say(f"SSH was back {took:.1f} s after `oceanid-rollback --yes` was typed")
        self.lab.tailnet.thaw(self.styx)
        wait_until(lambda: self.exit_node(STYX) == "", 30, "the pref to follow by itself")
        return f"everything dead, one command: SSH back in {took:.1f} s, the pref followed"

    def raise_again(self):
        """What was killed runs again, so that whoever looks around finds it alive."""
        self.fleet.controller.unit("oceanid-controller").start()
        for unit in ("oceanid-guard", "oceanid-agent"):
            self.styx.unit(unit).start()
        wait_until(lambda: self.fleet.ctl("status", check=False).returncode in (0, 1), 30,
                   "the controller to answer again")

    # -- telling ------------------------------------------------------------------------------

    def tell(self):
        steps = [self.step_1_join, self.step_2_refused, self.step_3_unseen, self.step_4_subtle,
                 self.step_5_good, self.step_6_deaths, self.step_7_emergency]
        for number, step in enumerate(steps, 1):
            print(f"\n{number}. {step.__doc__}", flush=True)
            started = time.monotonic()
            try:
                line = step()
            except AssertionError as error:
                print(f"\nquickstart: step {number} ({step.__doc__}) did not behave: {error}",
                      file=sys.stderr)
                return False
            self.seen.append(f"{number}. {line} [{time.monotonic() - started:.0f} s]")
        return True


def choose_tailnet(wanted_real):
    """"real" or "standin"; exits with 2 when the real one was asked for and cannot be had."""
    if wanted_real:
        tailnet_real.build_missing()
        lack = tailnet_real.missing()
        if lack:
            print(f"quickstart: --real-tailscale: {lack}; or run without the option",
                  file=sys.stderr)
            sys.exit(2)
        return "real"
    return "standin" if tailnet_real.missing() else "real"


def clean():
    if not KEPT.exists():
        print("quickstart: nothing was kept")
        return 0
    end_detached(KEPT.read_text().strip())
    KEPT.unlink()
    print("quickstart: ended the lab that was kept")
    return 0


def keep(story):
    lab = story.lab
    pid = lab["office"].pid
    try:
        story.raise_again()
    except AssertionError as error:
        print(f"quickstart: not all that the story ended runs again: {error}", file=sys.stderr)
    folder = lab.detach()
    KEPT.write_text(f"{folder}\n")
    print(f"""
The lab stays. Look around, at the operator's desk:
  nsenter -t {pid} -m -n -u -i -p oceanidctl --pki {PKI} --controller https://198.51.100.10:7431 status
On {STYX}:
  nsenter -t {lab[STYX].pid} -m -n -u -i -p bash
End it with: packaging/quickstart --clean""")


def main():
    parser = argparse.ArgumentParser(prog="packaging/quickstart", description=__doc__)
    parser.add_argument("--real-tailscale", action="store_true", help="build and use the real one")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--clean", action="store_true", help="end a lab that was kept")
    arguments = parser.parse_args()
    if arguments.clean:
        return clean()
    kind = choose_tailnet(arguments.real_tailscale)
    print("Tailscale: " + ("the real tailscaled and headscale" if kind == "real" else
                           "a stand-in (tailscaled and headscale are not here)"), flush=True)
    started = time.monotonic()
    with Lab.build(tailnet=kind) as lab:
        story = Story(Fleet(lab))
        went_well = story.tell()
        if went_well:
            print(f"\nWhat was seen, in {time.monotonic() - started:.0f} s:")
            for line in story.seen:
                print("  " + line)
        if arguments.keep:
            keep(story)
    return 0 if went_well else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        print(f"quickstart: {error}", file=sys.stderr)
        sys.exit(1)
