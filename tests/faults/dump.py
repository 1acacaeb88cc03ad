"""dump: everything on a host that a change may touch, read by ip(8), and what a change makes of it.

Shares no code with the product: this is what a trial's end is judged by. A state is a dict of lists
of lines; what is left out of it (see VOLATILE) changes by itself.
"""

import json

from lab import localapi

COMMANDS = {
    "rules": ("ip -j -4 rule", "ip -j -6 rule"),
    "routes": ("ip -j -4 route show table all", "ip -j -6 route show table all"),
    "addresses": ("ip -j address",),
}
SYSCTL = "net.ipv4.conf.eth0.rp_filter"
SCRIPT = "\n".join(f"{command} || true; echo; echo -" for commands in COMMANDS.values()
                   for command in commands) + f"\ncat /proc/sys/{SYSCTL.replace('.', '/')}"
VOLATILE = ("expires", "valid_life_time", "preferred_life_time", "ifindex", "link_index",
            "operstate", "cache", "txqlen")
CARRIER_FLAGS = ("linkdown", "dead", "LOWER_UP", "NO-CARRIER")
PREFS = ("ExitNodeID", "ExitNodeIP", "ExitNodeAllowLANAccess", "RouteAll", "AdvertiseRoutes")


def line_of(entry):
    """One object as a line; flags that follow the carrier are not its own."""
    kept = {key: value for key, value in entry.items() if key not in VOLATILE}
    if "flags" in kept:
        kept["flags"] = [flag for flag in kept["flags"] if flag not in CARRIER_FLAGS]
    if "addr_info" in kept:
        addresses = [line_of(address) for address in kept["addr_info"]]
        kept["addr_info"] = [line for line in addresses
                             if not (kept["ifname"] == "tailscale0" and is_link_local(line))]
    return json.dumps(kept, sort_keys=True)


def is_link_local(line):
    """Of the tun device it is another one each time that tailscaled starts."""
    return '"fe80:' in line


def prefs_of(host):
    """The prefs that operations may touch; None while tailscaled does not answer."""
    try:
        prefs = localapi.prefs(host)
    except OSError:
        return None
    return [json.dumps({key: prefs.get(key) for key in PREFS}, sort_keys=True)]


def read(host):
    """The state of a host now; None while tailscaled does not answer."""
    texts = host.run(["sh", "-c", SCRIPT]).stdout.split("\n-\n")
    state, at = {}, 0
    for kind, commands in COMMANDS.items():
        lines = []
        for _ in commands:
            lines += [line_of(entry) for entry in json.loads(texts[at].strip() or "[]")]
            at += 1
        state[kind] = lines
    state["routes"] = sorted(line for line in state["routes"]
                             if not ("tailscale0" in line and is_link_local(line)))
    state["sysctl"] = [texts[at].strip()]
    state["prefs"] = prefs_of(host)
    return state if state["prefs"] is not None else None


def read_settled(host):
    """The same, as a state to come back to: None, too, while an address is not known to be
    nobody else's (its routes come when it is)."""
    state = read(host)
    if state is None or any("tentative" in line for line in state["addresses"]):
        return None
    return state


def difference(before, after):
    """{kind: (gone, come)}, each a list of lines; kinds without a difference are left out."""
    found = {}
    for kind in before:
        gone, come = list(before[kind]), []
        for line in after[kind]:
            if line in gone:
                gone.remove(line)
            else:
                come.append(line)
        if gone or come:
            found[kind] = (gone, come)
    return found


def add(state, delta):
    """state with a difference put into it; rules stay in the kernel's order: a new one goes behind
    its equals of the same family."""
    result = {kind: list(lines) for kind, lines in state.items()}
    for kind, (gone, come) in delta.items():
        for line in gone:
            result[kind].remove(line)
        if kind == "rules":
            for line in come:
                insert_rule(result[kind], line)
        else:
            result[kind] = sorted(result[kind] + come)
    return result


def insert_rule(rules, line):
    """IPv4's rules are listed first, then IPv6's, each beginning with priority 0."""
    priority = json.loads(line)["priority"]
    zeros = [i for i, rule in enumerate(rules) if json.loads(rule)["priority"] == 0]
    family6 = ":" in json.loads(line).get("src", "") + json.loads(line).get("dst", "")
    start, end = (zeros[1], len(rules)) if family6 else (0, zeros[1])
    at = start
    while at < end and json.loads(rules[at])["priority"] <= priority:
        at += 1
    rules.insert(at, line)


def show(delta):
    """A difference as a person reads it."""
    return "\n".join(f"  {kind}: {sign} {line}" for kind, (gone, come) in delta.items()
                     for sign, lines in (("-", gone), ("+", come)) for line in lines)
