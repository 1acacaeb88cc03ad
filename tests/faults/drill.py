"""drill: a change that a trial makes on srv712695, as text for an operator and as what it makes of
the kernel, worked out here and not by the product.
"""

import json

import dump

HEAD = """\
reason: A drill of the fault tests.
reference: "faults {number}"
justification: Nothing is broken; this is a drill.
targets: [srv712695]
waive:
  needed: a drill
{times}operations:
"""
GATEWAY = "203.0.113.1"
KINDS = ("routes", "exit-node")


class Drill:
    """number: which routes and rule it uses; two drills never share an object."""

    def __init__(self, number, kind, soak_s=None, lease_s=None):
        self.number, self.kind, self.soak_s, self.lease_s = number, kind, soak_s, lease_s
        block = 4 * (number % 8000)
        self.routes = [f"198.18.{128 + (block + i) // 256}.{(block + i) % 256}" for i in range(3)]
        self.priority = 6000 + number % 20000
        self.name = f"drill-{number}"

    def text(self):
        times = "".join(f"{key}: {value}s\n" for key, value in
                        (("soak", self.soak_s), ("lease", self.lease_s)) if value)
        lines = [f"  - route: {{ to: {route}/32, via: {GATEWAY}, dev: eth0 }}\n"
                 for route in self.routes]
        lines.append(f"  - rule: {{ priority: {self.priority}, to: {self.routes[0]}/32, "
                     "lookup: main }\n")
        if self.kind == "exit-node":
            lines.insert(0, "  - protect: [ssh, api-server, pods, services, controller]\n")
            lines.append(f"  - sysctl: {{ name: {dump.SYSCTL}, value: 1 }}\n")
            lines.append("  - tailscale: { exit_node: srv712429-oceanid, "
                         "exit_node_allow_lan_access: true }\n")
        return HEAD.format(number=self.number, times=times) + "".join(lines)

    def own_delta(self):
        """What its routes and its rule add."""
        routes = [{"dst": route, "gateway": GATEWAY, "dev": "eth0", "protocol": "153", "flags": []}
                  for route in self.routes]
        rule = {"priority": self.priority, "src": "all", "dst": self.routes[0], "table": "main",
                "protocol": "153"}
        return {"routes": ([], sorted(map(dump.line_of, routes))),
                "rules": ([], [dump.line_of(rule)])}

    def confirmed(self, before, exit_delta):
        """The state that a confirmed drill leaves; exit_delta: what shields and exit node make."""
        state = dump.add(before, self.own_delta())
        return dump.add(state, exit_delta) if self.kind == "exit-node" else state


def learn_exit_delta(before, after, drill):
    """What an undisturbed exit-node drill did beside its own routes and rule; asserts that it is
    what it has to be."""
    delta = dump.difference(dump.add(before, drill.own_delta()), after)
    rules = [json.loads(line) for line in delta["rules"][1]]
    routes = [json.loads(line) for line in delta["routes"][1]]
    assert any(rule["priority"] == 5140 and rule["src"] == "203.0.113.10" for rule in rules), rules
    assert all(rule["protocol"] == "153" for rule in rules), rules
    assert any(route["dst"] == "default" and route.get("table") == "52" for route in routes), routes
    assert delta["sysctl"] == (["2"], ["1"]), delta["sysctl"]
    assert not json.loads(delta["prefs"][0][0])["ExitNodeID"], delta["prefs"]
    assert json.loads(delta["prefs"][1][0])["ExitNodeID"], delta["prefs"]
    assert not delta["rules"][0] and "addresses" not in delta, delta
    return delta
