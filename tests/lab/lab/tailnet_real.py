"""tailnet_real: headscale on "internet", tailscaled on every node; nothing leaves the lab.

Both are taken from PATH, or from OCEANID_TAILNET_DIR (default build/tailnet) where
tests/lab/tailnet/build puts them.
"""

import json
import os
import pathlib
import shutil
import subprocess

from lab import topology
from lab.tailnet import Tailnet
from lab.wait import wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CONTROL = topology.ADDRESSES["tailnet-control"]
ENVIRONMENT = {
    "TS_NO_LOGS_NO_SUPPORT": "true", "TS_LOGS_DIR": "/var/lib/tailscale",
    "TS_DEBUG_USE_DERP_HTTP": "1", "TS_DEBUG_FIREWALL_MODE": "nftables",
    "TS_DISABLE_PORTMAPPER": "1", "TS_PANIC_IF_HIT_MAIN_CONTROL": "1",
    "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
CONFIG = """\
server_url: http://{control}:8080
listen_addr: {control}:8080
metrics_listen_addr: 127.0.0.1:9090
grpc_listen_addr: 127.0.0.1:50443
grpc_allow_insecure: false
unix_socket: /run/headscale.sock
unix_socket_permission: "0770"
noise: {{ private_key_path: {state}/noise.key }}
prefixes: {{ v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48", allocation: sequential }}
derp:
  server:
    enabled: true
    region_id: 999
    region_code: oc
    region_name: lab
    verify_clients: true
    stun_listen_addr: {control}:3478
    private_key_path: {state}/derp.key
    automatically_add_embedded_derp_region: true
    ipv4: {control}
    ipv6: none
  urls: []
  paths: []
  auto_update_enabled: false
disable_check_updates: true
ephemeral_node_inactivity_timeout: 30m
database: {{ type: sqlite, sqlite: {{ path: {state}/db.sqlite, write_ahead_log: true }} }}
policy: {{ mode: file, path: "" }}
dns:
  magic_dns: false
  base_domain: tail.lab
  override_local_dns: false
  nameservers: {{ global: [] }}
logtail: {{ enabled: false }}
log: {{ level: info, format: text }}
"""


def tailnet_folder():
    return pathlib.Path(os.environ.get("OCEANID_TAILNET_DIR", REPOSITORY / "build" / "tailnet"))


def find_program(name):
    """The program's path, from PATH first; None when it is nowhere."""
    found = shutil.which(name)
    if found:
        return found
    built = tailnet_folder() / name
    return str(built) if os.access(built, os.X_OK) else None


def build_missing():
    """Builds both where Go is there and they are not (minutes, the first time); see missing()."""
    if missing() and shutil.which("go"):
        subprocess.run([REPOSITORY / "tests/lab/tailnet/build"], check=False)


def missing():
    """What is missing for the real tailnet, as a sentence with its cure; None when nothing is."""
    names = [name for name in ("tailscaled", "headscale") if find_program(name) is None]
    if not names:
        return None
    return (f"{' and '.join(names)} not found on PATH or in {tailnet_folder()}; "
            "`tests/lab/tailnet/build` (needs Go 1.26) makes them")


class RealTailnet(Tailnet):
    kind = "real"

    def __init__(self, lab):
        super().__init__(lab)
        lack = missing()
        if lack:
            raise FileNotFoundError(lack)
        self.tailscaled = find_program("tailscaled")
        self.headscale = find_program("headscale")
        self.client = lab.folder / "tailscale"
        found = shutil.which("tailscale") if shutil.which("tailscaled") else None
        self.client.symlink_to(found or self.tailscaled)
        self.auth_key = None

    # -- control ------------------------------------------------------------------------------

    def start_control(self):
        state = self.lab.folder / "headscale"
        state.mkdir()
        (state / "config.yaml").write_text(CONFIG.format(control=CONTROL, state=state))
        internet = self.lab["internet"]
        internet.add_service("headscale", lambda: internet.popen(
            [self.headscale, "serve", "-c", state / "config.yaml"], name="headscale"))
        wait_until(self._control_answers, 30, "headscale to answer on its socket")
        self._control("users", "create", "lab")
        key = self._control("preauthkeys", "create", "--user", "1", "--reusable",
                            "--expiration", "24h")
        self.auth_key = key["key"]

    def _run_control(self, *words):
        config = self.lab.folder / "headscale" / "config.yaml"
        argv = [self.headscale, "-c", config, "-o", "json", *words]
        return self.lab["internet"].run(argv, check=False)

    def _control(self, *words):
        done = self._run_control(*words)
        if done.returncode != 0:
            raise AssertionError(f"headscale {' '.join(words)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout or "null")

    def _control_answers(self):
        return self._run_control("users", "list").returncode == 0

    def _node_id(self, host):
        for node in self._control("nodes", "list"):
            if topology.TAILNET[host.name] in node["ip_addresses"]:
                return str(node["id"])
        raise KeyError(f"headscale does not know {host.name}")

    def approve_exit_node(self):
        self.approve_routes(self.lab[topology.EXIT_NODE], topology.EXIT_NODE_ADVERTISES)

    def approve_routes(self, host, routes):
        """Instead of those that were approved before."""
        self._control("nodes", "approve-routes", "-i", self._node_id(host), "-r", ",".join(routes))

    def delete_node(self, host):
        """Takes a node out of the tailnet for good."""
        self._control("nodes", "delete", "-i", self._node_id(host), "--force")

    def expire_node(self, host):
        """Its key expires now: NeedsLogin on the node."""
        self._control("nodes", "expire", "-i", self._node_id(host))

    # -- nodes --------------------------------------------------------------------------------

    def start_daemon(self, host):
        return host.popen(
            [self.tailscaled, "--no-logs-no-support", "--tun=tailscale0", "--port=41641",
             "--statedir=/var/lib/tailscale", "--socket=/run/tailscale/tailscaled.sock"],
            name="tailscaled", env=ENVIRONMENT)

    def join(self, host):
        wait_until(lambda: host.path("/run/tailscale/tailscaled.sock").exists(), 20,
                   f"tailscaled of {host.name} to make its socket")
        more = []
        if host.name == topology.EXIT_NODE:
            routes = ",".join(topology.EXIT_NODE_ADVERTISES[2:])
            more = ["--advertise-exit-node", f"--advertise-routes={routes}"]
        self._up(host, self.auth_key, *more)

    def join_as_work(self, host):
        self._control("users", "create", "work")
        key = self._control("preauthkeys", "create", "--user", "2", "--expiration", "24h")
        self._up(host, key["key"])

    def _up(self, host, auth_key, *more):
        host.run([self.client, "up", f"--login-server=http://{CONTROL}:8080",
                  f"--auth-key={auth_key}", "--accept-dns=false",
                  f"--hostname={topology.TAILNET_NAMES[host.name]}", *more], timeout=60)
