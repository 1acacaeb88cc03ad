"""fleet: Oceanid on a lab, installed the way the README says: keys, controller, join, trust.

The operator sits at `office`, outside, and speaks HTTPS to the controller. `office` is the extra
witness too. Files that a person would copy by scp are copied here.
"""

import json
import re
import signal

from lab import topology
from lab.machine import Failed, HOME
from lab.wait import Timeout, wait_until

AGENT = """\
controllers: ["tls+tcp://{controller}:7430"]
state: /var/lib/oceanid/agent
guard-socket: "{guard_socket}"
tailscale-socket: /run/tailscale/tailscaled.sock
log: {log}
"""
CONTROLLER = """\
state: /var/lib/oceanid/controller
fleet: /etc/oceanid/fleet.yaml
agents: tls+tcp://ANY:7430
https: 0.0.0.0:7431
socket: /run/oceanid-controller/controller.sock
roles:
  unix: { root: operator }
log: LOG
"""
FLEET = """\
nodes:
  srv712695: { first: true, ssh: 203.0.113.10, console: { provider: hostinger, id: "712695" } }
  calypso:   { ssh: 100.64.0.3, console: physical }
  srv712429: { protected: true, ssh: 198.51.100.10, exit-node: true, api-server: true,
               console: { provider: hostinger, id: "712429" } }
witnesses:
  office: { }
cluster:
  pods: 10.42.0.0/16
  services: 10.43.0.0/16
  api-server: [198.51.100.10:6443, 10.43.0.1:443]
  controllers: [CONTROLLER:7430]
checks:
  - { name: exit-node, kind: exit-node, for: [srv712695, calypso], use: srv712429-oceanid,
      severity: warning, interval: 5s }
  - { name: egress-address, kind: egress-address, for: [srv712695, calypso],
      url: "http://198.19.0.10/", expect: 198.51.100.10, severity: warning, interval: 5s }
  - { name: database, kind: tcp, for: [srv712695, calypso], to: "198.19.0.10:5432",
      severity: warning, interval: 5s }
policy: { soak: SOAK, lease: LEASE, approvals: 1, pause_after: first, soak-min: 1s }
"""
# In a lab with IPv6, a node that has it is looked at, and looks for its controller, over it.
FLEET_IPV6 = FLEET
for name in topology.NODES:
    if name in topology.IPV6:
        FLEET_IPV6 = FLEET_IPV6.replace(f"ssh: {topology.ADDRESSES[name]}",
                                        f"ssh: {topology.IPV6[name][0].partition('/')[0]}")
FLEET_IPV6 = FLEET_IPV6.replace("[CONTROLLER:7430]", '["CONTROLLER:7430", "[CONTROLLER6]:7430"]')
PKI = f"{HOME}/oceanid"
UNREACHABLE = 3                 # oceanidctl's exit code: not the controller's answer


class Fleet:
    """controller: the host it runs on ("srv712429" or "control"). soak and lease: durations."""

    def __init__(self, lab, controller="srv712429", soak="6s", lease="12s", log="info"):
        self.lab = lab
        self.log = log
        self.controller = lab[controller]
        self.operator = lab["office"]
        self.soak, self.lease = soak, lease
        self.ipv6 = lab.ipv6
        self.text = FLEET_IPV6 if self.ipv6 else FLEET
        self.url = f"https://{self.controller.address}:7431"

    # -- installing ---------------------------------------------------------------------------

    def install(self):
        """Everything up to a fleet that answers `oceanidctl status`."""
        self.make_keys()
        self.start_controller()
        for node in self.lab.nodes:
            self.join(node)
        self.join(self.operator, witness=True)
        self.wait_settled(40)
        return self

    def make_keys(self):
        self.operator.run(["mkdir", "-p", PKI])
        self.ctl("pki", "init", "--name", "operator", "--controller", self.controller.address)
        self.allow_quick_trials()

    def allow_quick_trials(self):
        """The lab's soaks last seconds; a real trust root demands minutes."""
        trust = self.operator.path(f"{PKI}/trust.yaml")
        lines = [line for line in trust.read_text().splitlines()
                 if not line.startswith("soak-min")]
        trust.write_text("\n".join(["soak-min: 1s", *lines]) + "\n")
        self.operator.run(["cp", f"{PKI}/trust.yaml", f"{PKI}/controller/trust.yaml"])

    def start_controller(self):
        host = self.controller
        host.run(["mkdir", "-p", "/var/lib/oceanid/controller", "/etc/oceanid"])
        self.copy_folder(self.operator, f"{PKI}/controller", host, "/var/lib/oceanid/controller")
        host.run(["chown", "-R", "oceanid-controller:", "/var/lib/oceanid/controller"])
        self.write(host, "/etc/oceanid/controller.yaml", CONTROLLER.replace("LOG", self.log)
                   .replace("ANY", "[::]" if self.ipv6 else "0.0.0.0"))
        self.write_fleet(self.text)
        host.start_unit("oceanid-controller")

    def write_fleet(self, text):
        text = (text.replace("SOAK", self.soak).replace("LEASE", self.lease)
                .replace("CONTROLLER6", self.controller.address6 or "")
                .replace("CONTROLLER", self.controller.address))
        self.write(self.controller, "/etc/oceanid/fleet.yaml", text)

    def read_again(self, text):
        """The controller reads another fleet.yaml while it leads."""
        unit = self.controller.unit("oceanid-controller")
        known = unit.process.output().count("was read again")
        self.write_fleet(text)
        unit.kill(signal.SIGHUP)
        wait_until(lambda: unit.process.output().count("was read again") > known, 10,
                   "fleet.yaml to be read again")

    def join(self, host, witness=False, trust=True):
        """request on the node, admit by the operator, install on the node; then trust, by root."""
        name = host.name
        kind = ["--witness"] if witness else []
        self.write(host, "/etc/oceanid/agent.yaml", AGENT.format(
            controller=self.controller_seen_by(host), log=self.log,
            guard_socket="" if witness else "/run/oceanid/guard.sock"))
        request = host.run(["/usr/sbin/oceanid-agent", "request", "--name", name, *kind]).stdout
        self.write(self.operator, f"{PKI}/{name}.req", request)
        self.ctl("node", "admit", f"{PKI}/{name}.req", "--yes", *kind)
        self.copy(self.operator, f"{PKI}/{name}.bundle", host, f"{HOME}/{name}.bundle")
        host.run(["/usr/sbin/oceanid-agent", "install", f"{HOME}/{name}.bundle"])
        if not witness:
            if trust:
                self.trust(host)
            host.enable_unit("oceanid-rollback-boot")
            host.start_unit("oceanid-guard")
        host.start_unit("oceanid-agent")

    def controller_seen_by(self, host):
        """The controller's address as a host's agent.yaml has it."""
        if host.address6 and self.controller.address6:
            return f"[{self.controller.address6}]"
        return self.controller.address

    def trust(self, host):
        """What root does on the node's own console; joining never does."""
        self.copy(self.operator, f"{PKI}/trust.yaml", host, f"{HOME}/trust.yaml")
        host.run(["/usr/sbin/oceanid-agent", "trust", f"{HOME}/trust.yaml"])

    # -- files that travel by hand -------------------------------------------------------------

    @staticmethod
    def write(host, inside, text):
        path = host.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)

    @staticmethod
    def copy(source, path, target, inside):
        to = target.path(inside)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(source.path(path).read_bytes())

    def copy_folder(self, source, path, target, inside):
        for file in source.path(path).iterdir():
            self.copy(source, f"{path}/{file.name}", target, f"{inside}/{file.name}")
            target.path(f"{inside}/{file.name}").chmod(0o600)

    # -- what an operator does -----------------------------------------------------------------

    def ctl(self, *words, check=True, timeout=120, input=None):
        """oceanidctl at the operator's desk."""
        return self.operator.run(
            ["/usr/bin/oceanidctl", "--pki", PKI, "--controller", self.url, *words], check=check,
            timeout=timeout, input=input)

    def json(self, *words):
        """What is only read: asked again, as a person would, while the controller is being started
        again, which it is where nng hung (docs/decisions/0003)."""
        def ask():
            try:
                return self.ctl(*words, "-o", "json")
            except Failed as error:
                if error.code != UNREACHABLE:
                    raise
                return None
        try:
            done = wait_until(ask, 5, "the controller to be started again", every_s=0.2)
        except Timeout:
            done = self.ctl(*words, "-o", "json")   # says what it says
        return json.loads(done.stdout)

    def nodes(self):
        return {node["name"]: node for node in self.json("nodes")["nodes"]}

    @staticmethod
    def witnesses_of(nodes, name):
        """How many reach a node's SSH at rest."""
        return sum(look["value"] == "pass" for node in nodes for look in node["reaches"]
                   if look["node"] == name)

    @staticmethod
    def looks(nodes, name):
        """Who does not reach a node's SSH, and what he saw."""
        return ", ".join(f"{node['name']} {look['value']}: {look['observed']}" for node in nodes
                         for look in node["reaches"]
                         if look["node"] == name and look["value"] != "pass")

    def unsettled(self):
        """What keeps the fleet from being healthy: a node that is not connected, a critical check
        that fails or is unknown, an SSH that fewer than two reach. "" when nothing does."""
        done = self.ctl("nodes", "-o", "json", check=False)
        if done.returncode != 0:
            return f"oceanidctl nodes ended with {done.returncode}"
        nodes = json.loads(done.stdout)["nodes"]
        ill = [f"{node['name']}: {'' if node['connected'] else 'not connected, '}{node['health']}"
               for node in nodes if not node["connected"] or node["health"] != "pass"]
        alone = [f"{name}: reached by {self.witnesses_of(nodes, name)} ({self.looks(nodes, name)})"
                 for name in topology.NODES if self.witnesses_of(nodes, name) < 2]
        missing = [name for name in (*topology.NODES, "office")
                   if name not in [node["name"] for node in nodes]]
        return "; ".join([*ill, *alone, *missing])

    def settled(self):
        return self.unsettled() == ""

    def wait_settled(self, deadline_s=120):
        try:
            wait_until(self.settled, deadline_s, "the fleet to be healthy")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.unsettled()}\n{self.last_words()}") from None

    def last_words(self, lines=25):
        """Of the controller and all agents: a fixture's failure shows no logs of its own."""
        said = []
        for log in sorted(self.lab.folder.glob("hosts/*/log/oceanid-[ac]*.log")):
            tail = log.read_text(errors="replace").splitlines()[-lines:]
            said.append("\n".join([f"-- {log.parts[-3]}: {log.name}", *tail]))
        return "\n".join(said)

    def verdict(self, node, check):
        """pass, fail or unknown, as the controller has it now; None while it has none."""
        done = self.ctl("node", node, "-o", "json", check=False)    # its exit code is a verdict too
        found = [one["value"] for one in json.loads(done.stdout)["verdicts"]
                 if one["check"] == check]
        return found[0] if found else None

    def count_verdicts(self, node):
        """All that its agent tells: of its checks, and of whom it reaches."""
        known = json.loads(self.ctl("node", node, "-o", "json", check=False).stdout)
        return len(known["verdicts"]) + len(known["reaches"])

    def wait_needed(self, name, checks=("egress-address", "database")):
        """Until a node's checks that the good change mends fail again, after a revert."""
        wait_until(lambda: all(self.verdict(name, check) == "fail" for check in checks), 30,
                   f"{' and '.join(checks)} of {name} to fail")

    def write_change(self, name, text):
        """Puts change NAME on the operator's desk; returns its path."""
        path = f"{PKI}/{name}.yaml"
        self.write(self.operator, path, f"change: {name}\n{text}")
        return path

    @staticmethod
    def approval(name, text):
        """The options by which the change is approved without a question."""
        justification = re.search(r"^justification: (.*)$", text, re.M)
        waived = re.search(r"^  needed: ", text, re.M)
        justify = ["--justify", justification[1]] if justification and waived else []
        return ["--approve", name, *justify]

    def start(self, name, text, check=True):
        """rollout start, approved; does not wait for its end."""
        path = self.write_change(name, text)
        return self.ctl("rollout", "start", path, *self.approval(name, text), "--no-watch",
                        check=check)

    def rollout(self):
        """The newest rollout, whole; None while there is none."""
        rollouts = self.json("rollout", "list")["rollouts"]
        return self.json("rollout", "show", str(rollouts[0]["id"])) if rollouts else None

    def node_state(self, name):
        rollout = self.rollout()
        found = [node for node in (rollout or {}).get("nodes", []) if node["name"] == name]
        return found[0]["state"] if found else None

    def wait_rollout(self, predicate, deadline_s, what):
        """Waits until predicate(rollout) is true; returns the rollout."""
        def look():
            try:
                rollout = self.rollout()
            except Failed as error:
                if error.code != UNREACHABLE:
                    raise
                return None         # it is started again a second later
            return rollout if rollout and predicate(rollout) else None
        return wait_until(look, deadline_s, what, every_s=0.2)

    def wait_state(self, name, states, deadline_s=60):
        """Waits until the newest rollout has the node in one of the states."""
        states = (states,) if isinstance(states, str) else states
        return wait_until(lambda: self.node_state(name) in states, deadline_s,
                          f"{name} to be {' or '.join(states)}", every_s=0.2)

    def wait_outcome(self, outcomes, deadline_s=90):
        outcomes = (outcomes,) if isinstance(outcomes, str) else outcomes
        return self.wait_rollout(lambda rollout: rollout["outcome"] in outcomes, deadline_s,
                                 f"the rollout to end {' or '.join(outcomes)}")

    def audit(self):
        """All audit lines, oldest first, as `oceanidctl audit show` prints them."""
        return self.ctl("audit", "show").stdout.splitlines()
