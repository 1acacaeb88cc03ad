"""python3 -m lab: builds a lab and holds it, enters one of its hosts, ends one that was detached.

    python3 -m lab hold [--tailnet standin|real]     until Ctrl-C
    python3 -m lab enter FOLDER HOST [PROGRAM ...]   a shell, or a program, inside a host
    python3 -m lab end FOLDER                        ends a detached lab
"""

import argparse
import json
import os
import pathlib
import signal
import sys

from lab.lab import Lab, end_detached


def print_hosts(lab):
    print(f"lab: {lab.folder} (tailnet: {lab.tailnet.kind})")
    for host in lab.hosts.values():
        print(f"  {host.name:12} {host.address or '-':15} pid {host.pid}")
    print(f"look around: cd {pathlib.Path(__file__).parents[1]} && "
          f"python3 -m lab enter {lab.folder} srv712695")


def hold(options):
    with Lab.build(tailnet=options.tailnet) as lab:
        print_hosts(lab)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("lab: ending")


def enter(options):
    record = json.loads((pathlib.Path(options.folder) / "lab.json").read_text())
    if options.host not in record["hosts"]:
        sys.exit(f"host {options.host!r}: accepted are {', '.join(record['hosts'])}")
    environment = {**os.environ, "PS1": f"{options.host}# ",
                   "OCEANID_BOOT_ID_FILE": "/run/boot_id"}
    program = options.program or ["/bin/sh"]
    os.execvpe("nsenter", ["nsenter", "-t", str(record["hosts"][options.host]),
                           "-m", "-n", "-u", "-i", "-p", "--", *program], environment)


def main():
    parser = argparse.ArgumentParser(prog="python3 -m lab", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    holding = verbs.add_parser("hold")
    holding.add_argument("--tailnet", choices=["standin", "real"], default="standin")
    entering = verbs.add_parser("enter")
    entering.add_argument("folder")
    entering.add_argument("host")
    entering.add_argument("program", nargs=argparse.REMAINDER)
    ending = verbs.add_parser("end")
    ending.add_argument("folder")
    options = parser.parse_args()
    {"hold": hold, "enter": enter, "end": lambda o: end_detached(o.folder)}[options.verb](options)


if __name__ == "__main__":
    main()
