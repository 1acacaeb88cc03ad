"""lab: builds the whole lab, holds it, and takes it down by the pids that it kept.

    with Lab.build(tailnet="standin") as lab:
        lab["srv712695"].ssh_banner("198.51.100.10")

Two labs may live side by side: nothing of one has a name outside its own namespaces, but its
folder below the temporary directory.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings

from lab import ends, topology
from lab.host import Host, Uplink
from lab.ssh import SshServer, client_argv, make_key
from lab.tailnet_real import RealTailnet
from lab.tailnet_standin import StandinTailnet

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
UNITS = REPOSITORY / "packaging" / "systemd"
OVERLAYFS = 0x794C7630
TAILNETS = {"real": RealTailnet, "standin": StandinTailnet}


def staged_programs():
    """Where the programs under test are: {path in the host: folder} or {}.

    OCEANID_BIN names a `cmake --install` tree (with usr/sbin below it) or a folder of programs.
    """
    given = os.environ.get("OCEANID_BIN")
    if given is None:
        found = [REPOSITORY / "build" / preset / "bin" for preset in ("dev", "release")]
        given = next((path for path in found if path.is_dir()), None)
    if given is None:
        return {}
    root = pathlib.Path(given).resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"OCEANID_BIN: {root} is not a folder; expected an installed "
                                "tree or a folder of programs")
    tree = {f"/usr/{kind}": root / "usr" / kind for kind in ("sbin", "bin")}
    if any(path.is_dir() for path in tree.values()):
        return {target: str(path) for target, path in tree.items() if path.is_dir()}
    return {target: str(root) for target in tree}


def make_folder():
    """The lab's own folder, on a filesystem that overlays can be put on."""
    folder = tempfile.mkdtemp(prefix="oceanid-lab-")
    kind = subprocess.run(["stat", "-f", "-c", "%t", folder], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    if int(kind, 16) == OVERLAYFS:
        os.rmdir(folder)
        folder = tempfile.mkdtemp(prefix="oceanid-lab-", dir="/dev/shm")
    os.chmod(folder, 0o755)
    return pathlib.Path(folder)


class Lab:
    """hosts by name; tailnet; folder; key (the SSH key pair that root accepts everywhere)."""

    def __init__(self, tailnet="standin", programs=None, units_dir=None, ipv6=False):
        if os.geteuid() != 0:
            raise PermissionError("the lab makes network namespaces and has to be run as root")
        self.programs = staged_programs() if programs is None else programs
        self.folder = make_folder()
        self.key = make_key(self.folder / "id_ed25519")
        self.hosts = {}
        self.ssh_servers = {}
        self.tailnet = TAILNETS[tailnet](self)
        self.keeper = None
        self.ipv6 = ipv6
        for plain in topology.SPECS:
            spec = plain.with_ipv6() if ipv6 else plain
            uplink = Uplink(self.hosts[spec.switch], spec.bridge) if spec.switch else None
            self.hosts[spec.name] = Host(spec, self.folder / "hosts" / spec.name, uplink,
                                         self.programs, units_dir or UNITS)

    @classmethod
    def build(cls, tailnet="standin", programs=None, units_dir=None, join=True, ipv6=False):
        """Everything up: links, servers, sshd and, if join, the tailnet with its exit node."""
        lab = cls(tailnet, programs, units_dir, ipv6)
        try:
            lab._start(join)
        except BaseException:
            lab.close()
            raise
        return lab

    def _start(self, join):
        for host in self.hosts.values():
            host.boot()
        self["internet"].start_server("whoami", 80)
        self["internet"].start_server("accept", topology.DATABASE_PORT)
        if join:
            self.tailnet.build()
        for host in self.hosts.values():
            if host.spec.ssh:
                server = SshServer(host, self.key)
                self.ssh_servers[host.name] = server
                host.add_service("sshd", server.start)
        self["srv712429"].start_server("accept", topology.API_SERVER_PORT)
        self._write_record()

    # -- looking things up --------------------------------------------------------------------

    def __getitem__(self, name):
        return self.hosts[name]

    @property
    def nodes(self):
        return [self.hosts[name] for name in topology.NODES]

    def ssh(self, source, address, *words, timeout_s=5):
        """Runs words on address as root, by ssh from a host; returns CompletedProcess."""
        return self[source].run(client_argv(self.key, address, words, timeout_s), check=False,
                                timeout=timeout_s + 30)

    def host_key(self, name):
        """The SSH host key of a host, "ssh-ed25519 AAAA..."."""
        return self.ssh_servers[name].public_key()

    # -- ending -------------------------------------------------------------------------------

    def _write_record(self):
        record = {"folder": str(self.folder), "keeper": self.keeper,
                  "hosts": {name: host.pid for name, host in self.hosts.items()}}
        (self.folder / "lab.json").write_text(json.dumps(record, indent=2) + "\n")

    def detach(self):
        """Lets the lab outlive this process; `python3 -m lab end FOLDER` ends it.

        A small keeper takes the lifelines over. Units are no longer restarted from then on.
        """
        lifelines = [host.lifeline.fileno() for host in self.hosts.values()]
        keeper = subprocess.Popen(["sleep", "infinity"], pass_fds=lifelines, close_fds=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, start_new_session=True)
        self.keeper = keeper.pid
        self._write_record()
        return self.folder

    def close(self, keep_files=None):
        """Ends every host. The folder goes too, unless keep_files or OCEANID_LAB_KEEP. A lab that was
        detached stays as it is. Raises when a program of ours ended itself (programs_that_ended)."""
        if self.keeper is not None:
            return
        for host in reversed(list(self.hosts.values())):
            for unit in host.units.values():
                unit.power_lost()
            host.power_off()
        ended = self.programs_that_ended()
        for line in ends.made_way(self._logs()):
            warnings.warn(f"{line} (expected to be rare: docs/decisions/0003)", stacklevel=2)
        if keep_files or os.environ.get("OCEANID_LAB_KEEP"):
            print(f"lab: kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        ends.check(ended)

    def programs_that_ended(self):
        """What programs of ours wrote, from where they ended themselves on."""
        return ends.read(self._logs())

    def _logs(self):
        return [(f"{log.parts[-3]}: {log.name}", log)
                for log in sorted(self.folder.glob("hosts/*/log/oceanid-*.log"))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def end_detached(folder):
    """Ends a lab that was detached, by the keeper's and the hosts' recorded pids."""
    record = json.loads((pathlib.Path(folder) / "lab.json").read_text())
    for pid in [record["keeper"], *record["hosts"].values()]:
        if pid and belongs_to(pid, folder):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def belongs_to(pid, folder):
    """True when pid still is what the record says: a holder of this lab, or its keeper."""
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return False
    return words[:2] == [b"sleep", b"infinity"] or any(
        word.startswith(str(folder).encode()) for word in words)
