"""hand_over: what the package's scripts say when they refuse to go while changes stand: every shield
is there as networkd takes it. The scripts themselves, on a node as in test_guard.
"""

import json
import os
import re

import pytest

from test_guard import ROOT, node  # noqa: F401 (a fixture)

SCRIPTS = ROOT / "packaging/debian/agent"
# systemd.network(5): Family= only says what From= and To= say already.
KEYS = {"Priority": "priority", "From": "src", "To": "dst", "Table": "table"}


def script(node, name, argument):  # noqa: F811
    """Its words, with this node's rescue and state; it refuses."""
    text = (SCRIPTS / name).read_text().replace("/var/lib/oceanid/guard", str(node.state))
    text = text.replace("/run/oceanid/released", str(node.folder / "released"))
    path = node.folder / name
    path.write_text(text)
    programs = node.folder / "programs"
    programs.mkdir(exist_ok=True)
    listing = programs / "oceanid-rollback"
    (node.folder / "list.txt").write_text(node.rollback("--list").stdout)
    listing.write_text(f"#!/bin/sh\ncat {node.folder}/list.txt\n")
    listing.chmod(0o755)
    done = node.call(["env", f"PATH={programs}:{os.environ['PATH']}", "sh", path, argument],
                     check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def handed_over(said):
    """The [RoutingPolicyRule] sections, each as a line."""
    rules = []
    for section in re.findall(r"^\[RoutingPolicyRule\]\n((?:\w+=.+\n)+)", said, re.MULTILINE):
        words = dict(line.split("=", 1) for line in section.splitlines())
        family = words.pop("Family")
        assert family == ("ipv6" if ":" in words.get("From", "") + words.get("To", "") else "ipv4")
        rules.append(json.dumps({KEYS[key]: value for key, value in words.items()}, sort_keys=True))
    return sorted(rules)


def shields(node):  # noqa: F811
    """Those of the kernel, in the same form."""
    rules = []
    for family in ("-4", "-6"):
        for rule in json.loads(node.ip(family, "-j", "-d", "rule", "show")):
            if str(rule.get("protocol")) != "153":
                continue
            words = {"priority": str(rule["priority"]), "table": rule["table"]}
            for key in ("src", "dst"):
                length = rule.get(key + "len")
                if rule.get(key, "all") != "all":
                    words[key] = rule[key] + (f"/{length}" if length is not None else "")
            rules.append(json.dumps(words, sort_keys=True))
    return sorted(rules)


@pytest.fixture
def protected(node):  # noqa: F811
    """With a confirmed change that has shields of each kind, and one rule of another."""
    done = node.trial("soak=1", "protect=1")
    assert done.returncode == 0, done.stdout + done.stderr + node.log("guard.log")
    return node


def test_removing_names_every_shield(protected):
    said = script(protected, "prerm", "remove")
    assert "removing is refused" in said
    assert len(shields(protected)) == 8
    assert handed_over(said) == shields(protected), said
    assert "not among those above" not in said


def test_purging_names_every_shield(protected):
    protected.kill()
    said = script(protected, "postrm", "purge")
    assert "purging is refused" in said
    assert handed_over(said) == shields(protected), said


def test_purging_names_shields_below_what_is_typed(protected):
    """Behind a # in undo.txt, as `ip -batch` must not delete them yet."""
    protected.kill()
    text = (protected.state / "undo.txt").read_text()
    (protected.state / "undo.txt").write_text(
        "".join(f"# ip {line}\n" if line.startswith("rule del") else f"{line}\n"
                for line in text.splitlines()))
    assert handed_over(script(protected, "postrm", "purge")) == shields(protected)


def test_a_shield_that_networkd_is_not_told_is_said(protected):
    """None that `protect` makes; one by a mark would need more words."""
    real = protected.rollback
    protected.rollback = lambda *words: type("Done", (), {"stdout": real(*words).stdout + (
        "    delete rule 5140: from 192.0.2.1 fwmark 0x1/0xff lookup main   (shield)\n")})
    said = script(protected, "prerm", "remove")
    assert handed_over(said) == shields(protected)
    assert said.endswith("And these shields, which are not among those above:\n"
                         "    delete rule 5140: from 192.0.2.1 fwmark 0x1/0xff lookup main   "
                         "(shield)\n")
