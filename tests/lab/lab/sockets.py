"""sockets: plays systemd for a socket unit with Accept=yes: each connection a process of its own.

systemd-socket-activate does the listening and hands over the connection as systemd would; of the
service's sandbox the lab plays its privileges, a user of its own (DynamicUser) and PrivateNetwork.
"""

from lab.wait import wait_until

DYNAMIC_USER = 64003


class SocketUnit:
    """A socket unit of one host, with the service that it starts."""

    def __init__(self, host, file, service):
        self.host = host
        self.file = file
        self.service = service
        self.process = None

    @property
    def path(self):
        return self.file.one("ListenSequentialPacket")

    def start(self):
        """Returns when it listens."""
        if self.process and self.process.alive():
            return
        self.host.path(self.path).unlink(missing_ok=True)
        options = [f"--setenv={key}={value}"
                   for key, value in self.host.environment().items() if key.endswith("_OPTIONS")]
        self.process = self.host.popen(
            ["systemd-socket-activate", "--accept", "--seqpacket", f"--listen={self.path}",
             *options, *self.command()], name=self.service.name)
        wait_until(self.host.path(self.path).exists, 10,
                   f"{self.file.name} on {self.host.name} to listen (log {self.process.log})")

    def stop(self):
        """Nobody listens any more; the name goes with it."""
        self.host.kill(self.process)
        self.host.path(self.path).unlink(missing_ok=True)

    def command(self):
        """What is started with a connection."""
        network = ["unshare", "-n"] if self.service.one("PrivateNetwork") == "yes" else []
        privileges = self.service.privileges()
        if self.service.one("DynamicUser") == "yes":
            privileges = [f"--reuid={DYNAMIC_USER}", f"--regid={DYNAMIC_USER}", "--clear-groups",
                          *privileges]
        (argv, _), = self.service.commands("ExecStart")
        return [*network, "setpriv", *privileges, "--", *argv]
