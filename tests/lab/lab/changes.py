"""changes: the change files of the story, as an operator writes them. Each begins behind the line
`change: NAME`, which Fleet.write_change puts there.
"""

INCIDENT = """\
reason: The workers have no exit node configured; that looks incomplete.
reference: "incident 2025-10-13"
fixes: [egress-address]
targets: [srv712695, calypso]
operations:
  - tailscale: { exit_node: srv712429-oceanid, exit_node_allow_lan_access: true }
"""

# No prediction can see that the gateway forwards nothing.
BLACK_HOLE = """\
reason: Move the default route to the second gateway of the same network.
reference: "#101"
justification: Nothing is broken; the provider asks everybody to use the second gateway.
targets: [srv712695]
waive:
  needed: the provider asks for it, nothing is broken
operations:
  - route: { to: default, via: 203.0.113.254, dev: eth0, metric: 50 }
"""

# A rule for the API server's address only: that one host still sees SSH, the world does not.
SUBTLE = """\
reason: Database egress must come from the allow-listed address.
reference: "#102"
fixes: [egress-address]
targets: [srv712695]
waive:
  prediction: the rule keeps the API server's path, and that is what matters
operations:
  - rule: { priority: 5141, to: 198.51.100.10, lookup: main }
  - tailscale: { exit_node: srv712429-oceanid, exit_node_allow_lan_access: true }
"""

GOOD = """\
reason: Database egress must come from the allow-listed address; egress-address and database fail.
reference: "#100"
fixes: [egress-address, database]
targets: [srv712695, calypso]
operations:
  - protect: [ssh, api-server, pods, services, controller]
  - tailscale: { exit_node: srv712429-oceanid, exit_node_allow_lan_access: true }
"""

ONE_NODE = GOOD.replace("targets: [srv712695, calypso]", "targets: [srv712695]")

# Takes what calypso answers its peers off the tailnet, by which alone it is reached.
OFF_THE_TAILNET = """\
reason: Go by the main table for everything in 100.64.0.0/10.
reference: "#104"
justification: Nothing is broken; this is a drill.
targets: [calypso]
waive:
  needed: a drill
operations:
  - rule: { priority: 5100, to: 100.64.0.0/10, lookup: main }
"""

# Shields and nothing else.
PROTECT = """\
reason: Keep SSH and the cluster on their way, whatever happens to the tables.
reference: "#104"
justification: Nothing is broken; this is for the day when something is.
targets: [srv712695]
waive:
  needed: nothing is broken yet
operations:
  - protect: [ssh, api-server, pods, services, controller]
"""

# Harmless, and seen at once by `ip route`: for tests of what happens around a trial.
HARMLESS = """\
reason: A route that nobody uses.
reference: "#103"
justification: Nothing is broken; this is a drill.
targets: [srv712695]
waive:
  needed: a drill
operations:
  - route: { to: 198.18.255.0/24, via: 203.0.113.1, dev: eth0 }
"""

# `fixes` names a check that this change does not mend.
MENDS_NOTHING = HARMLESS.replace("reference:", "fixes: [egress-address]\nreference:")

# Of an object that nothing quarantines: an approval that lifts something is only refused here.
REFUSED_BY_THE_KERNEL = HARMLESS.replace("via: 203.0.113.1,", "via: 203.0.113.255,").replace(
    "198.18.255.0/24", "198.18.254.0/24")


def with_quarantines(text, receipts, reason="understood; the rule is replaced by protect"):
    """The same change, naming what is quarantined and why it may be touched again."""
    lines = "".join(f"  - {{ receipt: {receipt}, reason: \"{reason}\" }}\n" for receipt in receipts)
    return text + ("quarantines:\n" + lines if receipts else "")
