"""faults: what goes wrong with a host's network. Cables are pulled at the switch, ports dropped
by an nftables table of the lab's own inside the host, which nothing else ever touches.
"""

TABLE = "oceanid_lab"
DIRECTIONS = {"in": "input", "out": "output"}


class Faults:
    """Mixed into Host, which has name, run() and uplink."""

    def cut_link(self, carrier_lost=False):
        """Pulls the cable at the far switch. The host only notices when carrier_lost."""
        if carrier_lost:
            self.uplink.switch.net(["ip", "link", "set", self.port, "down"])
        else:
            self.uplink.switch.net(["ip", "link", "set", self.port, "nomaster"])

    def restore_link(self):
        self.uplink.switch.net(
            ["ip", "link", "set", self.port, "master", self.uplink.bridge, "up"])

    def drop_port(self, proto, port, direction, new_only=False):
        """Drops packets to a port: "in" to this host's own, "out" to others' ports.

        new_only (tcp): only new connections fail, by their first packet; established ones live.
        It is gone after undrop() or a reboot.
        """
        if direction not in DIRECTIONS:
            raise ValueError(f"direction {direction!r}: accepted are {', '.join(DIRECTIONS)}")
        if new_only and proto != "tcp":
            raise ValueError(f"new_only asks for tcp, not {proto}")
        first = "tcp flags & (syn | ack) == syn " if new_only else ""
        hook = DIRECTIONS[direction]
        self.run(["nft", "-f", "-"], input=f"""
            add table inet {TABLE}
            add chain inet {TABLE} {hook} {{ type filter hook {hook} priority -300; }}
            add rule inet {TABLE} {hook} {proto} dport {int(port)} {first}counter drop
        """)

    def drop_all(self, direction, new_only=False):
        """Drops every packet that comes in by eth0, or goes out: one way only.

        new_only: only new TCP connections, by their first packet. Gone after undrop() or a reboot.
        """
        first = "tcp flags & (syn | ack) == syn " if new_only else ""
        device = {"in": "iifname", "out": "oifname"}[direction]
        hook = DIRECTIONS[direction]
        self.run(["nft", "-f", "-"], input=f"""
            add table inet {TABLE}
            add chain inet {TABLE} {hook} {{ type filter hook {hook} priority -300; }}
            add rule inet {TABLE} {hook} {device} "eth0" {first}counter drop
        """)

    def undrop(self):
        """Takes all that this host drops back."""
        self.run(["nft", "-f", "-"], input=f"add table inet {TABLE}\ndelete table inet {TABLE}\n")
