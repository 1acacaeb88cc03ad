"""units: reads the shipped systemd units, as far as the lab plays systemd.

Understood: Exec*, Type, User, Group, UMask, Environment, Restart, RestartSec, TimeoutStopSec,
KillSignal, RuntimeDirectory and its like, CapabilityBoundingSet, AmbientCapabilities,
NoNewPrivileges, ConditionPathExists, ConditionDirectoryNotEmpty, WatchdogSec, WatchdogSignal,
Wants= of a socket unit, and of such ListenSequentialPacket (sockets.py). Sandboxing is for
tests/booted.
"""

import pathlib
import re
import shlex

DIRECTORIES = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib",
               "ConfigurationDirectory": "/etc"}


class UnitFile:
    """One parsed unit file. values holds every key's list of values, in their order."""

    def __init__(self, name, values):
        self.name = name
        self.values = values

    def one(self, key, default=None):
        """The last value of a key, as systemd takes it."""
        found = self.values.get(key)
        return found[-1] if found else default

    def words(self, key):
        """All values of a list-like key, split at blanks; an empty value starts anew."""
        words = []
        for value in self.values.get(key, []):
            words = words + value.split() if value else []
        return words

    def commands(self, key):
        """The commands of an Exec key: (argv, may_fail) each, prefixes taken off."""
        found = []
        for value in self.values.get(key, []):
            if not value:
                found = []
                continue
            prefix = re.match(r"[-@:+!]*", value).group()
            found.append((shlex.split(value[len(prefix):]), "-" in prefix))
        return found

    def environment(self):
        pairs = {}
        for value in self.values.get("Environment", []):
            for word in shlex.split(value):
                key, _, text = word.partition("=")
                pairs[key] = text
        return pairs

    def directories(self):
        """What systemd makes before a start: (path, mode, volatile) each."""
        for key, base in DIRECTORIES.items():
            mode = int(self.one(f"{key}Mode", "0755"), 8)
            for name in self.words(key):
                yield f"{base}/{name.partition(':')[0]}", mode, key == "RuntimeDirectory"

    def unmet_conditions(self, path_of):
        """The conditions that do not hold; path_of(path) is where the host's path is from here."""
        unmet = [f"ConditionPathExists={path}" for path in self.words("ConditionPathExists")
                 if path_of(path.lstrip("!")).exists() == path.startswith("!")]
        for path in self.words("ConditionDirectoryNotEmpty"):
            folder = path_of(path)
            if not folder.is_dir() or not any(folder.iterdir()):
                unmet.append(f"ConditionDirectoryNotEmpty={path}")
        return unmet

    def privileges(self):
        """Options of setpriv that give the process what the unit leaves it."""
        options = []
        bounding = self.words("CapabilityBoundingSet")
        if "CapabilityBoundingSet" in self.values and not any("~" in word for word in bounding):
            options.append("--bounding-set=" + ",".join(["-all", *map(setpriv_name, bounding)]))
        ambient = self.words("AmbientCapabilities")
        if ambient:
            names = ",".join(map(setpriv_name, ambient))
            options += [f"--inh-caps={names}", f"--ambient-caps={names}"]
        if self.one("NoNewPrivileges", "no") in ("yes", "true", "1", "on"):
            options.append("--no-new-privs")
        return options


def setpriv_name(capability):
    return "+" + capability.lower().removeprefix("cap_")


def seconds(value, default):
    """A systemd time span in seconds: "5", "250ms", "1min 30s"; "infinity" is an hour here."""
    if value is None:
        return default
    if value == "infinity":
        return 3600.0
    scale = {"us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0}
    parts = re.findall(r"([0-9.]+)\s*([a-z]*)", value)
    return sum(float(number) * scale[unit] for number, unit in parts)


def parse_unit(name, text):
    values = {}
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if not line or line[0] in "#;[":
            continue
        key, _, value = line.partition("=")
        values.setdefault(key.strip(), []).append(value.strip())
    return UnitFile(name, values)


def load_unit(folder, name):
    """Reads NAME.service, or NAME where that is a socket's, from the folder of shipped units."""
    path = pathlib.Path(folder) / (name if name.endswith(".socket") else f"{name}.service")
    return parse_unit(name, path.read_text(encoding="utf-8"))
