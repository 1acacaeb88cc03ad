"""holder: process 1 of one lab host. Mounts the host's own view of the disk, then reaps.

Started by machine.py under `unshare`, alone in new net, mount, uts, ipc and pid namespaces.
Its stdin is the lifeline: when the lab's process is gone (even by SIGKILL) it reads the end of
file and exits, and the kernel ends every process of the host with it.
"""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys

MS_RDONLY = 1
MS_BIND = 4096
LIBC = ctypes.CDLL(None, use_errno=True)


def mount(source, target, kind=None, options=None, flags=0):
    encoded = [value.encode() if value else None for value in (source, target, kind, options)]
    if LIBC.mount(encoded[0], encoded[1], encoded[2], flags, encoded[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind or 'bind'} {source} on {target} ({options}): "
                      f"{os.strerror(number)}")


def overlay(target, upper, work):
    mount("overlay", target, "overlay", f"lowerdir={target},upperdir={upper},workdir={work}")


def mount_disk(spec):
    """What survives a reboot: /etc, /var/lib, and plain directories for what is fsynced."""
    disk = spec["disk"]
    overlay("/etc", f"{disk}/etc", f"{disk}/.etc-work")
    overlay("/var/lib", f"{disk}/var-lib", f"{disk}/.var-lib-work")
    for path in spec["plain"]:
        os.makedirs(path, exist_ok=True)
        mount(f"{disk}/plain{path}", path, flags=MS_BIND)


def mount_programs(spec):
    """Puts the programs under test where the shipped units name them; the rest shows through."""
    for target, lower in spec["programs"].items():
        mount("overlay", target, "overlay", f"lowerdir={lower}:{target}", MS_RDONLY)


def mount_volatile(spec):
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    mount("tmpfs", "/run", "tmpfs", "mode=755,size=64m")
    for path in ("/run/lock", "/run/oceanid", "/run/sshd", "/run/systemd", "/run/tailscale"):
        os.makedirs(path)
    with open("/run/boot_id", "w", encoding="ascii") as boot_id:
        boot_id.write(spec["boot_id"] + "\n")
    mount("/run/boot_id", "/proc/sys/kernel/random/boot_id", flags=MS_BIND)


def set_sysctls(spec):
    for name, value in spec["sysctls"].items():
        with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as node:
            node.write(value)


def hold():
    """Reaps orphans until the lifeline ends."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    while True:
        readable, _, _ = select.select([0, wake_read], [], [])
        if 0 in readable and not os.read(0, 1):
            return
        if wake_read in readable:
            os.read(wake_read, 512)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def main():
    with open(sys.argv[1], encoding="utf-8") as text:
        spec = json.load(text)
    mount_disk(spec)
    mount_programs(spec)
    mount_volatile(spec)
    os.chdir("/")  # where programs begin; one that asks below a chroot is answered
    socket.sethostname(spec["name"])
    set_sysctls(spec)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print("ready", flush=True)
    hold()


main()
