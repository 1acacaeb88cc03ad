"""tailnet: what the real tailnet and the stand-in have in common, and how tests use either."""

import signal

from lab import localapi, topology
from lab.wait import wait_until

JOIN_DEADLINE_S = 60


class Tailnet:
    """A subclass gives kind, start_control(), approve_exit_node(), delete_node(host),
    expire_node(host), start_daemon(host), join(host) and join_as_work(host)."""

    kind = None

    def __init__(self, lab):
        self.lab = lab

    def build(self):
        """Starts it all, in the order of topology.NODES, so that addresses come out as planned."""
        self.start_control()
        for host in self.lab.nodes:
            host.add_service("tailscaled", lambda host=host: self.start_daemon(host))
            self.join(host)
            self.wait_running(host)
        self.approve_exit_node()
        self.wait_mesh()

    def add_profile(self, host):
        """A second account beside "lab", which is current then: "work", with a node of its own."""
        localapi.request(host, "PUT", "profiles/")
        self.join_as_work(host)
        wait_until(lambda: "work" in localapi.profiles(host) and self._addresses(host),
                   JOIN_DEADLINE_S, f"{host.name} to be on the tailnet as work")

    # -- waiting ------------------------------------------------------------------------------

    def wait_running(self, host, deadline_s=JOIN_DEADLINE_S):
        """Until it is Running with the address that the topology gives it."""
        wanted = topology.TAILNET[host.name]
        wait_until(lambda: self._addresses(host)[:1] == [wanted], deadline_s,
                   f"{host.name} to be on the tailnet as {wanted}")

    @staticmethod
    def _addresses(host):
        document = localapi.status(host) or {}
        return (document.get("TailscaleIPs") or []) if document.get("BackendState") == "Running" \
            else []

    def wait_mesh(self, deadline_s=JOIN_DEADLINE_S):
        """Until every node gets an answer from every other by a disco ping, exit node offered."""
        for host in self.lab.nodes:
            for name, address in topology.TAILNET.items():
                if name != host.name:
                    self.wait_ping(host, address, deadline_s)
            if host.name != topology.EXIT_NODE:
                wait_until(lambda host=host: self.exit_node_offered(host), deadline_s,
                           f"{host.name} to be offered the exit node")

    def wait_ping(self, host, address, deadline_s=JOIN_DEADLINE_S):
        wait_until(lambda: self.ping(host, address).get("NodeIP") == address, deadline_s,
                   f"{host.name} to reach {address} over the tailnet")

    # -- looking and changing -----------------------------------------------------------------

    def ping(self, host, address, timeout_s=2):
        """The answer to a disco ping; {} when none comes."""
        try:
            what = f"ping?type=disco&ip={address}"
            code, document = localapi.request(host, "POST", what, timeout_s=timeout_s)
        except OSError:
            return {}
        return document if code == 200 and isinstance(document, dict) else {}

    def peer(self, host, name):
        """The peer entry of another node in a host's status, or None."""
        document = localapi.status(host) or {}
        for peer in (document.get("Peer") or {}).values():
            if topology.TAILNET[name] in (peer.get("TailscaleIPs") or []):
                return peer
        return None

    def exit_node_offered(self, host):
        peer = self.peer(host, topology.EXIT_NODE)
        return bool(peer and peer["ExitNodeOption"])

    def use_exit_node(self, host, allow_lan=True):
        """What `tailscale set --exit-node` does, by the LocalAPI. Returns the new prefs."""
        stable_id = self.peer(host, topology.EXIT_NODE)["ID"]
        return localapi.patch(host, localapi.exit_on(stable_id, allow_lan))

    def leave_exit_node(self, host):
        return localapi.patch(host, localapi.EXIT_OFF)

    @staticmethod
    def prefs(host):
        """The prefs as tailscaled has them; ExitNodeID is None while it does not answer."""
        try:
            return localapi.prefs(host)
        except OSError:
            return {"ExitNodeID": None}

    def freeze(self, host):
        """Stops tailscaled where it stands: its routes stay, it answers nobody."""
        self.daemon(host).send(signal.SIGSTOP)

    def thaw(self, host):
        self.daemon(host).send(signal.SIGCONT)

    def daemon(self, host):
        """The running Process of a host's tailscaled."""
        return host.running["tailscaled"]

    def restart_daemon(self, host):
        """Starts it again after it was killed or stopped, from its state directory."""
        host.running["tailscaled"] = self.start_daemon(host)
        return host.running["tailscaled"]
