"""inside: what bench.py runs on a host of the lab, beside the programs that it measures.

  inside.py toggle DEVICE ROUNDS PAUSE_S   sets the MTU of DEVICE to 1400 and 1500 in turn; prints
                                           the time of day in microseconds right before each change
  inside.py connect ADDRESS PORT           microseconds of one TCP handshake; the median of 50
  inside.py commit FOLDER                  microseconds of one SQLite commit as the controller makes
                                           them for reports (WAL, synchronous NORMAL); median of 50
  inside.py keyscan ADDRESS N              microseconds of CPU of one ssh-keyscan; the mean of N
  inside.py get URL EVERY_S                fetches URL for ever, as a scraper would
"""

import fcntl
import pathlib
import random
import resource
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

SIOCGIFMTU, SIOCSIFMTU = 0x8921, 0x8922
REPEATS = 50


def toggle(device, rounds, pause_s):
    """The pauses differ, so that no timer of the programs keeps step with them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16si12x", device.encode(), 0)
        mtu = struct.unpack("16si12x", fcntl.ioctl(any_socket, SIOCGIFMTU, request))[1]
        for _ in range(int(rounds)):
            mtu = 1400 if mtu == 1500 else 1500
            request = struct.pack("16si12x", device.encode(), mtu)
            started = time.time_ns() // 1000
            fcntl.ioctl(any_socket, SIOCSIFMTU, request)
            print(started, flush=True)
            time.sleep(float(pause_s) * random.uniform(0.9, 1.1))


def median_us(once):
    took = []
    for _ in range(REPEATS):
        started = time.perf_counter_ns()
        once()
        took.append((time.perf_counter_ns() - started) / 1000)
    print(statistics.median(took))


def connect(address, port):
    median_us(lambda: socket.create_connection((address, int(port)), 5).close())


def commit(folder):
    with tempfile.TemporaryDirectory(dir=folder) as own:
        store = sqlite3.connect(pathlib.Path(own) / "floor.db", isolation_level=None)
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=NORMAL")
        store.execute("CREATE TABLE verdicts (node TEXT, name TEXT, value INTEGER)")

        def once():
            store.execute("BEGIN IMMEDIATE")
            store.execute("INSERT INTO verdicts VALUES ('srv712695', 'bench', 1)")
            store.execute("COMMIT")

        median_us(once)
        store.close()


def keyscan(address, count):
    for _ in range(int(count)):
        subprocess.run(["ssh-keyscan", "-t", "ed25519", address], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print((used.ru_utime + used.ru_stime) / int(count) * 1e6)


def get(url, every_s):
    while True:
        with urllib.request.urlopen(url, timeout=5) as answer:
            answer.read()
        time.sleep(float(every_s))


if __name__ == "__main__":
    subcommands = {"toggle": toggle, "connect": connect, "commit": commit, "keyscan": keyscan,
                   "get": get}
    subcommands[sys.argv[1]](*sys.argv[2:])
