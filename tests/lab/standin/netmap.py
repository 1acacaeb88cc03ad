"""netmap: which address belongs to whom, as WireGuard's cryptokey routing has it.

A netmap is what the control sends: {"self": node, "peers": [node...]}.
"""

import ipaddress

RFC1918 = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
NOT_INTERNET = RFC1918 + ("100.64.0.0/10", "169.254.0.0/16", "224.0.0.0/4", "fe80::/10",
                          "fd7a:115c:a1e0::/48", "ff00::/8")


class Prefixes:
    """A set of prefixes with an owner each; finds the longest one over an address."""

    def __init__(self):
        self._found = []

    def add(self, prefix, owner):
        network = ipaddress.ip_network(prefix, strict=False)
        bits = network.max_prefixlen - network.prefixlen
        self._found.append((network.prefixlen, network.version, bits,
                            int(network.network_address) >> bits, owner))
        self._found.sort(key=lambda entry: -entry[0])

    def owner(self, version, number):
        """The owner of the longest prefix that covers the address; None without one."""
        for _, of_version, bits, network, owner in self._found:
            if of_version == version and number >> bits == network:
                return owner
        return None


def endpoints_of(packet):
    """(version, source, destination) of an IP packet, addresses as numbers; None if neither."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) >= 20:
        return 4, int.from_bytes(packet[12:16], "big"), int.from_bytes(packet[16:20], "big")
    if version == 6 and len(packet) >= 40:
        return 6, int.from_bytes(packet[8:24], "big"), int.from_bytes(packet[24:40], "big")
    return None


class Allowed:
    """The data path's two questions: who gets this packet, and may it come from that peer."""

    def __init__(self, netmap, prefs, host_prefixes):
        self._peers = Prefixes()
        for peer in netmap["peers"]:
            for prefix in peer_prefixes(peer, prefs):
                self._peers.add(prefix, peer["ID"])
        self._inbound = self._accepted(netmap["self"], host_prefixes)

    @staticmethod
    def _accepted(node, host_prefixes):
        """Destinations that are let in: own addresses, approved routes, the internet if offered."""
        accepted = Prefixes()
        for prefix in node["AllowedIPs"]:
            accepted.add(prefix, True)
        if "0.0.0.0/0" in node["AllowedIPs"]:
            for prefix in NOT_INTERNET:
                accepted.add(prefix, False)
            for prefix in host_prefixes:
                accepted.add(prefix, False)
                address = prefix.partition("/")[0]
                accepted.add(address, True)
            for prefix in node["Addresses"] + node["PrimaryRoutes"]:
                accepted.add(prefix, True)
        return accepted

    def receiver(self, packet):
        """The peer whose allowed addresses cover the destination; None: nobody's, dropped."""
        seen = endpoints_of(packet)
        return self._peers.owner(seen[0], seen[2]) if seen else None

    def accepts(self, packet, peer_id):
        """WireGuard's source filter, then the packet filter on the destination."""
        seen = endpoints_of(packet)
        if seen is None or self._peers.owner(seen[0], seen[1]) != peer_id:
            return False
        return bool(self._inbound.owner(seen[0], seen[2]))


def peer_prefixes(peer, prefs):
    """What of a peer's AllowedIPs this node takes up, by its own prefs."""
    own = [f"{address}/{128 if ':' in address else 32}" for address in peer["Addresses"]]
    if prefs["RouteAll"]:
        own += peer["PrimaryRoutes"]
    if prefs["ExitNodeID"] == peer["StableID"]:
        own += [prefix for prefix in ("0.0.0.0/0", "::/0") if prefix in peer["AllowedIPs"]]
    return own
