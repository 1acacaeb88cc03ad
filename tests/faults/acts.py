"""acts: what people, power and networks do to a fleet, one random act at a time.

Each act takes the session (people.py) and its random numbers. An act may be refused: that is an
answer, and the session judges how it was given.
"""

import re
import signal
import time

from lab.fleet import PKI
from lab.topology import NODES

CONTROLLER = "oceanid-controller"
STATE, SAVED = "/var/lib/oceanid/controller", "/run/saved"
UNITS = ("oceanid-agent", "oceanid-guard")
NEVER_OPEN = "mon-sun 00:00-00:01"
WAIVERS = {"needed": "a drill", "quorum": "a drill"}


class Change:
    """number: which rule it puts on each of its targets; two never share an object."""

    def __init__(self, name, number, targets):
        self.name, self.targets = name, targets
        self.priority = 6000 + number
        self.to = f"198.18.{128 + number // 250 % 100}.{number % 250}"

    def text(self, more=""):
        waive = dict(WAIVERS)
        if self.targets == ["srv712429"]:
            waive = {"needed": "a drill", "protected-first": "a drill"}
        waived = "".join(f"  {gate}: {why}\n" for gate, why in waive.items())
        return (f"reason: A rule that nobody uses.\nreference: \"{self.name}\"\n"
                f"justification: a drill\ntargets: [{', '.join(self.targets)}]\n"
                f"waive:\n{waived}{more}operations:\n"
                f"  - rule: {{ priority: {self.priority}, to: {self.to}/32, lookup: main }}\n")

    def stands_in(self, rules):
        """rules: as `ip rule` prints them."""
        return re.search(rf"^{self.priority}:.* to {re.escape(self.to)} ", rules, re.M) is not None


def policy(rng):
    """What a change may say of its stages, or nothing."""
    said = rng.choice(("", "", "pause_after: none\n", "pause_after: each\n"))
    return said + rng.choice(("", "", "stage_size: 2\n"))


# -- rollouts ----------------------------------------------------------------------------------------

def start(session, rng):
    change = session.next_change(rng.sample(NODES, rng.choice((1, 2, 2, 3))))
    path = session.fleet.write_change(change.name, change.text(policy(rng)))
    session.say("rollout", "start", path, *session.approval(change), "--no-watch",
                desk=session.some_desk(rng))


def sign(session, rng):
    """In a file, for later."""
    change = session.next_change(rng.sample(NODES, rng.choice((1, 2))))
    path = session.fleet.write_change(change.name, change.text(policy(rng)))
    desk = session.some_desk(rng)
    if session.say("manifest", "build", path, "-o", f"{path}.manifest", desk=desk) != 0:
        return
    if session.say("manifest", "sign", f"{path}.manifest", "-o", f"{path}.signed",
                   *session.approval(change), "--valid", rng.choice(("20s", "10m")),
                   desk=desk) == 0:
        session.signed.append(f"{path}.signed")


def start_signed(session, rng):
    if session.signed:
        session.say("rollout", "start", rng.choice(session.signed), "--no-watch")


def void(session, rng):
    if session.changes:
        session.say("manifest", "void", rng.choice(list(session.changes)), "--reason", "a drill",
                    desk=session.some_desk(rng))


def go_on(session, _rng):
    session.say("rollout", "next", "--no-watch")


def abort(session, _rng):
    session.say("rollout", "abort", "--reason", "a drill", "--no-watch")


def pause(session, _rng):
    session.say("rollout", "pause", "--reason", "a drill")


def resume(session, _rng):
    session.say("rollout", "resume", "--no-watch")


def emergency(session, rng):
    deep = ["--node", rng.choice(NODES), "--to", rng.choice(list(session.changes) or ["none"])]
    which = rng.choice((["--all"], ["--all"], ["--node", rng.choice(NODES)], deep,
                        ["--all", "--rollout", str(rng.randint(1, 1 + len(session.changes)))]))
    session.say("emergency-rollback", *which, "--yes", "--reason", "a drill",
                "--wait", rng.choice(("1s", "10s")))


# -- holds and the roster ----------------------------------------------------------------------------

def hold(session, rng):
    kind = rng.choice((["freeze"], ["pause"], ["window", "--open", NEVER_OPEN]))
    where = rng.choice(([], [], ["--node", rng.choice(NODES)]))
    until = rng.choice(([], ["--for", "5s"]))
    session.say("hold", "add", *kind, *where, *until, "--reason", "a drill")


def lift(session, rng):
    held = session.holds()
    if held:
        session.say("hold", "lift", str(rng.choice(held)["id"]), "--reason", "a drill")


def maintain(session, rng):
    session.say("node", "maintenance", rng.choice(NODES), "--reason", "a drill")


def bring_back(session, rng):
    session.say("node", "return", rng.choice(NODES))


def sign_roster(session, _rng):
    session.say("roster", "sign")


# -- on a node ---------------------------------------------------------------------------------------

def roll_back(session, rng):
    """By root on the node."""
    session.on_node(rng.choice(NODES), rng.choice((["--yes"], ["--list"], ["--check"])))


def order(session, rng):
    """Signed at the desk, carried there, given to the rescue; later, perhaps, once more."""
    name = rng.choice(NODES)
    path = f"{PKI}/{name}.order"
    asked = ("--node", name, "--to", rng.choice(list(session.changes) or ["none"]))
    if session.say("emergency-rollback", *asked, "--order", path, "--yes") == 0:
        session.fleet.copy(session.fleet.operator, path, session.lab[name], path)
        session.orders[name] = path
    for there, carried in session.orders.items():
        if rng.random() < 0.5:
            session.on_node(there, ["--order", carried, "--yes"])


# -- power and networks ------------------------------------------------------------------------------

def some_unit(session, rng):
    controllers = [(session.fleet.controller, CONTROLLER)] * 3
    return rng.choice([*controllers, (session.fleet.operator, "oceanid-agent"),
                       *((session.lab[name], unit) for name in NODES for unit in UNITS)])


def kill(session, rng):
    host, unit = some_unit(session, rng)
    session.note(f"kill -9 {unit} of {host.name}")
    host.unit(unit).kill()


def restart(session, rng):
    host, unit = some_unit(session, rng)
    session.note(f"restart {unit} of {host.name}")
    host.restart_unit(unit)


def freeze(session, rng):
    host, unit = some_unit(session, rng)
    session.note(f"freeze {unit} of {host.name}")
    process = host.unit(unit).process
    process.send(signal.SIGSTOP)
    time.sleep(rng.choice((0.5, 2, 6)))
    process.send(signal.SIGCONT)


def cut(session, rng):
    host = session.lab[rng.choice(NODES)]
    session.note(f"cut the link of {host.name}")
    host.cut_link()
    time.sleep(rng.choice((0.5, 3, 14)))
    host.restore_link()


def reboot(session, rng):
    name = rng.choice([name for name in NODES if session.lab[name] is not session.fleet.controller])
    session.note(f"reboot {name}")
    session.lab[name].reboot()


def kill_tailscaled(session, rng):
    name = rng.choice(NODES)
    session.note(f"kill -9 tailscaled of {name}")
    session.lab[name].kill(session.lab.tailnet.daemon(session.lab[name]))
    session.lab.tailnet.restart_daemon(session.lab[name])


def fill_disk(session, rng):
    """The controller's, for a while."""
    session.note("fill the controller's disk")
    filler = f"{STATE}/filler"
    session.fleet.controller.run(["sh", "-c", f"cat /dev/zero >{filler}"], check=False)
    time.sleep(rng.choice((0.5, 3, 8)))
    session.fleet.controller.run(["rm", "-f", filler])


def back_up_or_restore(session, rng):
    """The controller's database, with the controller down: an older one is put back."""
    host, unit = session.fleet.controller, session.fleet.controller.unit(CONTROLLER)
    unit.stop()
    if rng.random() < 0.6 and host.run(["test", "-d", SAVED], check=False).returncode == 0:
        session.note("put an older database back")
        host.run(["sh", "-c", f"rm -f {STATE}/controller.db*; cp -a {SAVED}/. {STATE}/"])
    else:
        session.note("back the database up")
        host.run(["sh", "-ec", f"rm -rf {SAVED}; mkdir {SAVED}; cp -a {STATE}/controller.db* {SAVED}"])
    unit.start()


# -- looking -----------------------------------------------------------------------------------------

def look(session, rng):
    session.say(*rng.choice((["status"], ["nodes"], ["checks"], ["rollout", "show"],
                             ["rollout", "list"], ["preflight"], ["node", rng.choice(NODES)],
                             ["audit", "show"], ["hold", "list"])))


ACTS = {start: 8, go_on: 9, abort: 4, pause: 2, resume: 4, emergency: 5, hold: 3, lift: 5,
        maintain: 2, bring_back: 3, sign_roster: 1, sign: 3, start_signed: 3, void: 2,
        roll_back: 3, order: 2, kill: 6, restart: 3, freeze: 3, cut: 2, reboot: 1,
        kill_tailscaled: 1, fill_disk: 1, back_up_or_restore: 1, look: 3}


def some(rng):
    return rng.choices(list(ACTS), list(ACTS.values()))[0]
