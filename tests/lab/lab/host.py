"""host: a machine of the lab with a cable, addresses, services and shipped units.

What it does at a boot is what a distribution does, in its order: the boot unit, the network,
tailscaled, sshd and other services, then the guard, the agent and the controller. It never
reverts anything by itself: that is what the programs under test are for.
"""

import json
import pathlib
import subprocess
import sys

from lab.faults import Faults
from lab.machine import Machine
from lab.sockets import SocketUnit
from lab.supervisor import Unit
from lab.units import load_unit
from lab.wait import wait_until

HERE = pathlib.Path(__file__).parent
BOOT_UNIT = "oceanid-rollback-boot"
UNIT_ORDER = ("oceanid-guard", "oceanid-agent", "oceanid-controller")
EGRESS_SERVER = "198.19.0.10"


class Uplink:
    """The far end of a host's cable: a bridge in a switch (another host)."""

    def __init__(self, switch, bridge):
        self.switch = switch
        self.bridge = bridge


class Host(Faults, Machine):
    """spec (topology.HostSpec) says address, gateway and what else a boot configures."""

    def __init__(self, spec, folder, uplink=None, programs=None, units_dir=None):
        super().__init__(spec.name, folder, programs=programs, sysctls=spec.sysctls)
        self.spec = spec
        self.uplink = uplink
        self.units_dir = units_dir
        self.port = None
        self.services = {}
        self.running = {}
        self.units = {}
        self.sockets = {}
        self.enabled = set()

    # -- addresses ----------------------------------------------------------------------------

    @property
    def address(self):
        """The address of eth0, without prefix."""
        return self.spec.address.partition("/")[0] if self.spec.address else None

    @property
    def address6(self):
        """The IPv6 address of eth0, without prefix; None where there is none."""
        return self.spec.address6.partition("/")[0] if self.spec.address6 else None

    def net(self, argv, input=None):
        """Runs a tool of iproute2 or nft in this host."""
        return self.run(argv, input=input).stdout

    def ip(self, *words):
        """ip WORDS; returns what it prints."""
        return self.net(["ip", *words])

    def ip_json(self, *words):
        """ip -j WORDS; returns the document (an empty table answers [])."""
        answer = self.run(["ip", "-j", *words], check=False).stdout
        return json.loads(answer or "[]")

    def rules(self, family="-4"):
        """The policy rules as `ip rule` prints them, one a line."""
        return self.ip(family, "rule", "show").splitlines()

    def leaves_by(self, destination, source=None):
        """The device that the kernel would send a packet out of; None when it refuses."""
        words = ["-j", "route", "get", destination] + (["from", source] if source else [])
        done = self.run(["ip", *words], check=False)
        return json.loads(done.stdout)[0].get("dev") if done.returncode == 0 else None

    # -- boot ---------------------------------------------------------------------------------

    def boot(self):
        """Everything from power on to the last unit."""
        self.power_on()
        self.plug_in()
        self.run_boot_unit()
        self.raise_network()
        self.start_services()
        self.start_enabled_units()

    def shut_down(self):
        """Power loss: nobody gets a chance to say goodbye, on the wire neither."""
        if self.pid is None:
            return
        for unit in self.units.values():
            unit.power_lost()
        self.sockets.clear()
        if self.port:
            self.cut_link()
        self.power_off()
        self.running.clear()
        if self.port and self.uplink.switch.pid:
            self.uplink.switch.run(["ip", "link", "del", self.port], check=False)

    def reboot(self):
        """Power off and on: same disk, new boot id, all volatile state gone."""
        self.shut_down()
        self.boot()

    def plug_in(self):
        """Lays the cable; eth0 is there, down and without address."""
        if self.uplink is None:
            return
        self.port = f"{self.name}-{self.boots}"
        switch = self.uplink.switch
        switch.run_outside(["ip", "link", "add", self.port, "type", "veth",
                            "peer", "name", "eth0", "netns", str(self.pid)])
        switch.ip("link", "set", self.port, "master", self.uplink.bridge, "up")

    def run_outside(self, argv):
        """Runs a program in this host's network, but with the pids of the lab's machine."""
        subprocess.run(["nsenter", "-t", str(self.pid), "-n", "--", *argv], check=True)

    def run_boot_unit(self):
        if BOOT_UNIT in self.enabled:
            self.unit(BOOT_UNIT).start()

    def raise_network(self):
        """Links up, addresses, routes, the switch that this host may be, the netfilter rules."""
        batch = []
        for bridge, addresses in self.spec.bridges.items():
            batch += [f"link add {bridge} type bridge", f"link set {bridge} up"]
            batch += [f"address add {address} dev {bridge}" for address in addresses.split()]
        if self.uplink:
            batch += ["link set eth0 up"]
            batch += [f"address add {address} dev eth0"
                      for address in (self.spec.address, *self.spec.more_addresses,
                                      self.spec.address6) if address]
        batch += self.spec.routes
        self.net(["ip", "-batch", "-"], input="\n".join(batch) + "\n")
        if self.spec.nft:
            self.net(["nft", "-f", "-"], input=self.spec.nft)

    # -- services -----------------------------------------------------------------------------

    def add_service(self, name, start):
        """Starts it now and, in the order of addition, at each boot; start() returns a Process."""
        self.services[name] = start
        if self.pid is not None:
            self.running[name] = start()
        return self.running.get(name)

    def start_services(self):
        for name, start in self.services.items():
            self.running[name] = start()

    def start_server(self, kind, *ports):
        """Starts lab/servers.py as a service and waits until it listens."""
        def start():
            process = self.popen([sys.executable, "-IS", HERE / "servers.py", kind, *ports],
                                 name=f"{kind}-{ports[0]}")
            wait_until(lambda: all(self.listens(port) for port in ports), 10,
                       f"{kind} on {self.name} to listen on {ports}")
            return process
        return self.add_service(f"{kind}-{ports[0]}", start)

    def listens(self, port):
        """True when a program of this host listens on a TCP port."""
        wanted = f":{int(port):04X}"
        for name in ("tcp", "tcp6"):
            for line in self.run(["cat", f"/proc/net/{name}"]).stdout.splitlines()[1:]:
                words = line.split()
                if words[1].endswith(wanted) and words[3] == "0A":
                    return True
        return False

    # -- units --------------------------------------------------------------------------------

    def unit(self, name):
        """The supervisor of a shipped unit (name without .service)."""
        if name not in self.units:
            self.units[name] = Unit(self, load_unit(self.units_dir, name))
        return self.units[name]

    def socket_unit(self, name):
        """A shipped socket unit with Accept=yes (NAME.socket); NAME@.service is what it starts."""
        if name not in self.sockets:
            service = load_unit(self.units_dir, name.removesuffix(".socket") + "@")
            self.sockets[name] = SocketUnit(self, load_unit(self.units_dir, name), service)
        return self.sockets[name]

    def enable_unit(self, name):
        """Has it started at each boot from now on."""
        self.unit(name)
        self.enabled.add(name)

    def start_unit(self, name):
        """Enables and starts it; returns when it is active (READY=1 for Type=notify)."""
        self.enable_unit(name)
        self.unit(name).start()
        return self.unit(name)

    def stop_unit(self, name):
        """As `systemctl stop`: SIGTERM, then ExecStopPost. It stays enabled."""
        self.unit(name).stop()

    def restart_unit(self, name):
        self.unit(name).stop()
        self.unit(name).start()

    def start_enabled_units(self):
        known = [name for name in UNIT_ORDER if name in self.enabled]
        others = sorted(self.enabled - set(known) - {BOOT_UNIT})
        for name in known + others:
            self.unit(name).start()

    # -- looking at the network ---------------------------------------------------------------

    def _probe(self, what, address, port, timeout_s, source):
        argv = [sys.executable, "-IS", HERE / "probe.py", what, address, port, timeout_s]
        done = self.run(argv + ([source] if source else []), check=False, timeout=timeout_s + 20)
        return done.stdout.strip() or None

    def ssh_banner(self, address, timeout_s=2, source=None):
        """The banner that sshd at address sends over a new connection, or None."""
        return self._probe("banner", address, 22, timeout_s, source)

    def connects(self, address, port, timeout_s=2, source=None):
        """True when a new TCP connection succeeds."""
        return self._probe("tcp", address, port, timeout_s, source) is not None

    def egress_address(self, timeout_s=2):
        """The source address that the internet sees of this host, or None."""
        return self._probe("http", EGRESS_SERVER, 80, timeout_s, None)
