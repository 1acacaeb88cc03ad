"""topology: which hosts the lab has, where their cables go, and what a boot configures on them.

    office 198.18.0.10 --+                          +-- srv712695 203.0.113.10 (styx)
    control 192.0.2.10 --+-- wan (router) ----------+   blackhole 203.0.113.254, same LAN
    internet 198.19.0.10 +        |                 +-- srv712429 198.51.100.10 (tethys)
                                  +-- calypso-nat 198.18.7.2 -- calypso 192.168.2.10

All addresses are from the documentation and benchmark ranges; nothing leads out of the lab.

IPv6 is there when a lab is built with it (IPV6 below), as providers give it: styx has its gateway by
a link-local address, the others by a global one, and calypso's home has none.
"""

from dataclasses import dataclass, field, replace

NODES = ("srv712429", "srv712695", "calypso")
ADDRESSES = {"srv712429": "198.51.100.10", "srv712695": "203.0.113.10", "calypso": "192.168.2.10",
             "office": "198.18.0.10", "control": "192.0.2.10", "internet": "198.19.0.10",
             "blackhole": "203.0.113.254", "tailnet-control": "192.168.99.2"}
TAILNET = {"srv712429": "100.64.0.1", "srv712695": "100.64.0.2", "calypso": "100.64.0.3"}
TAILNET_NAMES = {"srv712429": "srv712429-oceanid", "srv712695": "srv712695", "calypso": "calypso"}
EXIT_NODE = "srv712429"
EXIT_NODE_ADVERTISES = ("0.0.0.0/0", "::/0", "10.42.0.0/16", "10.43.0.0/16")
DATABASE_PORT = 5432
API_SERVER_PORT = 6443

# Address of eth0 and gateway.
IPV6 = {"srv712695": ("2001:db8:1::10/64", "fe80::1"),
        "srv712429": ("2001:db8:2::10/64", "2001:db8:2::1"),
        "office": ("2001:db8:8::10/64", "2001:db8:8::1"),
        "control": ("2001:db8:9::10/64", "2001:db8:9::1"),
        "blackhole": ("2001:db8:1::fe/64", None)}
IPV6_BRIDGES = {"styx-lan": "2001:db8:1::1/64 fe80::1/64", "tethys-lan": "2001:db8:2::1/64",
                "office-lan": "2001:db8:8::1/64", "control-lan": "2001:db8:9::1/64"}
IPV6_SYSCTLS = {"net.ipv6.conf.all.accept_dad": "0", "net.ipv6.conf.default.accept_dad": "0"}

FORWARDING = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
ROUTING = {**FORWARDING, "net.ipv4.conf.all.rp_filter": "0", "net.ipv4.conf.default.rp_filter": "0"}

# What kube-proxy does for the API server's service address, on every node.
SERVICE_NFT = """
table ip kube-proxy {
    chain output { type nat hook output priority -100;
        ip daddr 10.43.0.1 tcp dport 443 dnat to 198.51.100.10:6443; }
    chain prerouting { type nat hook prerouting priority -100;
        ip daddr 10.43.0.1 tcp dport 443 dnat to 198.51.100.10:6443; }
}
"""
NAT_NFT = """
table ip home-nat {
    chain forward { type filter hook forward priority 0; policy drop;
        iifname "home-lan" accept; ct state established,related accept; }
    chain postrouting { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
}
"""
# The managed database: only the exit node's address is on its allow-list.
DATABASE_NFT = f"""
table ip database {{
    chain input {{ type filter hook input priority 0;
        tcp dport {DATABASE_PORT} ip saddr != 198.51.100.10 reject with tcp reset; }}
}}
"""


@dataclass
class HostSpec:
    name: str
    address: str = None              # of eth0, with prefix
    gateway: str = None
    switch: str = None               # the host whose bridge the cable of eth0 ends in
    bridge: str = None
    more_addresses: tuple = ()
    address6: str = None             # as address and gateway
    gateway6: str = None
    bridges: dict = field(default_factory=dict)   # made at boot: name -> addresses
    sysctls: dict = field(default_factory=dict)
    nft: str = ""
    ssh: bool = False

    @property
    def routes(self):
        """The default route as networkd leaves it: with a metric that another route can better."""
        routes = []
        if self.gateway:
            routes += [f"route add default via {self.gateway} dev eth0 proto static metric 100"]
        if self.gateway6:
            routes += [f"route add default via {self.gateway6} dev eth0 proto static metric 1024"]
        return routes

    def with_ipv6(self):
        """The same host in a lab that has IPv6."""
        address6, gateway6 = IPV6.get(self.name, (None, None))
        bridges = {name: f"{addresses} {IPV6_BRIDGES.get(name, '')}"
                   for name, addresses in self.bridges.items()}
        return replace(self, address6=address6, gateway6=gateway6, bridges=bridges,
                       sysctls={**self.sysctls, **IPV6_SYSCTLS})


WAN = HostSpec("wan", sysctls=ROUTING, bridges={
    "styx-lan": "203.0.113.1/24", "tethys-lan": "198.51.100.1/24",
    "office-lan": "198.18.0.1/24", "control-lan": "192.0.2.1/24",
    "server-lan": "198.19.0.1/24 192.168.99.1/24", "isp-lan": "198.18.7.1/24"})

SPECS = (
    WAN,
    HostSpec("blackhole", "203.0.113.254/24", None, "wan", "styx-lan",
             sysctls={"net.ipv4.ip_forward": "0"}),
    HostSpec("internet", "198.19.0.10/24", "198.19.0.1", "wan", "server-lan",
             more_addresses=("192.168.99.2/24",), nft=DATABASE_NFT),
    HostSpec("office", "198.18.0.10/24", "198.18.0.1", "wan", "office-lan", ssh=True),
    HostSpec("control", "192.0.2.10/24", "192.0.2.1", "wan", "control-lan", ssh=True),
    HostSpec("calypso-nat", "198.18.7.2/24", "198.18.7.1", "wan", "isp-lan", sysctls=ROUTING,
             bridges={"home-lan": "192.168.2.1/24"}, nft=NAT_NFT),
    HostSpec("srv712429", "198.51.100.10/24", "198.51.100.1", "wan", "tethys-lan",
             sysctls=FORWARDING, bridges={"cni0": "10.42.0.1/24"}, nft=SERVICE_NFT, ssh=True),
    HostSpec("srv712695", "203.0.113.10/24", "203.0.113.1", "wan", "styx-lan",
             sysctls=FORWARDING, bridges={"cni0": "10.42.1.1/24"}, nft=SERVICE_NFT, ssh=True),
    HostSpec("calypso", "192.168.2.10/24", "192.168.2.1", "calypso-nat", "home-lan",
             sysctls=FORWARDING, bridges={"cni0": "10.42.2.1/24"}, nft=SERVICE_NFT, ssh=True),
)
