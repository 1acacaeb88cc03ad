"""prefs: tailscaled's preferences: MaskedPrefs semantics, kept on disk."""

import json
import os
import pathlib
import secrets

from standin import documents

EXIT_ROUTES = ("0.0.0.0/0", "::/0")
BOTH = "Cannot advertise an exit node and use an exit node at the same time."
INTERNAL = "can't set Internal fields"


class Refused(Exception):
    """An edit that is answered 400 with {"Error": ...}; nothing was changed."""


class State:
    """The state directory: of each profile the node's key and its prefs, and which is current."""

    def __init__(self, folder):
        self._path = pathlib.Path(folder) / "standin.json"
        self._slow = pathlib.Path(folder) / "slow"
        if self._path.exists():
            document = json.loads(self._path.read_text(encoding="utf-8"))
            self.profiles, self.current = document["profiles"], document["current"]
        else:
            self.profiles, self.current = {}, ""
            self._add()

    @property
    def key(self):
        return self.profiles[self.current]["key"]

    @property
    def prefs(self):
        return self.profiles[self.current]["prefs"]

    def _add(self):
        prefs = documents.new_prefs()
        prefs["Config"]["UserProfile"] = documents.user(len(self.profiles))
        self.current = secrets.token_hex(2)
        self.profiles[self.current] = {"key": "nodekey:" + secrets.token_hex(32), "prefs": prefs}

    def _write(self, profiles, current):
        new = self._path.with_suffix(".new")
        with open(new, "w", encoding="utf-8") as text:
            json.dump({"profiles": profiles, "current": current}, text, indent=1)
            text.flush()
            os.fsync(text.fileno())
        os.replace(new, self._path)

    def save(self, prefs):
        """Makes prefs durable, then current."""
        profiles = {**self.profiles, self.current: {"key": self.key, "prefs": prefs}}
        self._write(profiles, self.current)
        self.profiles = profiles

    def slowness_s(self):
        """Seconds, in a file of that name."""
        return float(self._slow.read_text(encoding="ascii")) if self._slow.exists() else 0

    def new_profile(self):
        """A blank one, which is current."""
        self._add()
        self._write(self.profiles, self.current)

    def switch(self, profile):
        """KeyError where it is not there."""
        if profile not in self.profiles:
            raise KeyError(profile)
        self._write(self.profiles, profile)
        self.current = profile


def apply_edit(prefs, masked, peers):
    """The prefs after a MaskedPrefs edit. Raises Refused; unknown fields are ignored."""
    if masked.get("InternalExitNodePriorSet"):
        raise Refused(INTERNAL)
    wanted = dict(prefs)
    for field in prefs:
        if masked.get(f"{field}Set") is True and field != "Config":
            wanted[field] = masked.get(field, zero_of(prefs[field]))
    sets_exit = masked.get("ExitNodeIDSet") or masked.get("ExitNodeIPSet")
    if sets_exit and masked.get("ExitNodeIPSet") and masked.get("ExitNodeIP"):
        wanted["ExitNodeID"] = ""
    elif masked.get("ExitNodeIDSet") and masked.get("ExitNodeID"):
        wanted["ExitNodeIP"] = ""
    if sets_exit:
        wanted["AutoExitNode"] = ""
    wanted = resolve_exit_node(wanted, peers)
    uses = wanted["ExitNodeID"] or wanted["ExitNodeIP"]
    if uses and any(route in (wanted["AdvertiseRoutes"] or []) for route in EXIT_ROUTES):
        raise Refused(BOTH)
    if not wanted.get("AutoExitNode"):
        wanted.pop("AutoExitNode", None)
    return wanted


def resolve_exit_node(prefs, peers):
    """ExitNodeIP becomes ExitNodeID as soon as a peer has that address."""
    for peer in peers:
        if prefs["ExitNodeIP"] and prefs["ExitNodeIP"] in peer["Addresses"]:
            return {**prefs, "ExitNodeID": peer["StableID"], "ExitNodeIP": ""}
    return prefs


def zero_of(value):
    """What Go takes for a field that the body leaves out."""
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return 0
    return "" if isinstance(value, str) else None
