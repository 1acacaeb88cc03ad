"""ssh: real sshd per host, each with its own host key on its disk, and one key pair for the lab."""

import subprocess

CONFIG = """\
Port 22
ListenAddress 0.0.0.0
ListenAddress ::
HostKey {disk}/ssh_host_ed25519_key
AuthorizedKeysFile {key}.pub
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
LogLevel INFO
"""


def make_key(path):
    """Makes an ed25519 key pair at path, unless it is there."""
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", path],
                       check=True)
    return path


class SshServer:
    """sshd of one host; a service for Host.add_service."""

    def __init__(self, host, key):
        self.host = host
        self.key = key
        make_key(host.disk / "ssh_host_ed25519_key")
        self.config = host.disk / "sshd_config"
        text = CONFIG.format(disk=host.disk, key=key)
        self.config.write_text(text + "PerSourcePenalties no\n")
        test = subprocess.run(["/usr/sbin/sshd", "-t", "-f", self.config], check=False,
                              capture_output=True, text=True)
        if "PerSourcePenalties" in test.stderr:
            self.config.write_text(text)    # older than 9.8: knows no penalties

    def start(self):
        return self.host.popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.config], name="sshd")

    def public_key(self):
        """The host key's public half, as in known_hosts: type and base64."""
        text = (self.host.disk / "ssh_host_ed25519_key.pub").read_text()
        return " ".join(text.split()[:2])


def client_argv(key, address, words, timeout_s=5):
    """What runs `ssh root@address words` with the lab's key and no questions."""
    return ["ssh", "-i", str(key), "-F", "none", "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", f"ConnectTimeout={timeout_s}", "-o", "LogLevel=ERROR", f"root@{address}", *words]
