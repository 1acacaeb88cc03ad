"""console: the real rescue in a shell that is not as it should be: in another network."""

import os

import pytest

from lab.wait import stays
from test_guard import BIN, node  # noqa: F401 (a fixture)

# As after `ip netns exec`, or in a pod's shell.
ELSEWHERE = ["unshare", "-n"]
# The kernel tells nothing of namespaces there.
BLIND = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/$$/ns && exec "$@"', "sh"]
FORMS = ((), ("--yes",), ("--to", "1", "--yes"), ("--list",), ("--check",), ("--release",),
         ("--void-tailscale", "--yes"), ("--accept-clock", "--yes"), ("--boot",), ("--stop-post",),
         ("--finish",))


def rollback_by(node, way, *words):
    return node.call([*way, BIN / "oceanid-rollback", *words, "--config",
                      node.folder / "guard.yaml"], check=False, answer="yes\n")


def network_of(node):
    return os.readlink(f"/proc/{node.holder.pid}/ns/net")


# -- in another network namespace -----------------------------------------------------------------

@pytest.mark.parametrize("words", FORMS, ids=lambda words: " ".join(words) or "none")
def test_in_another_network_nothing_is_done(node, words):
    """What is not there would count as undone, and its record be gone; the host keeps the change."""
    node.confirm()
    done = rollback_by(node, ELSEWHERE, *words)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and network_of(node) in said, said
    assert "nothing was done" in said and f"nsenter -t {node.guard.pid} -n" in said, said
    assert node.guard.poll() is None and node.has_route(), said
    assert not (node.folder / "released").exists() and not (node.folder / "rescued").is_symlink()
    way = ["nsenter", "-t", str(node.guard.pid), "-n"]
    there = rollback_by(node, [*ELSEWHERE, *way], "--yes")
    assert "Done and verified" in there.stdout and not node.has_route(), there.stdout


def test_in_another_network_without_a_guard(node):
    """Whoever goes there by hand is told how; the mark outlives the guard, not the boot."""
    node.confirm()
    node.kill()
    done = rollback_by(node, ELSEWHERE, "--yes")
    assert done.returncode == 1 and "nothing was done" in done.stderr, done.stdout + done.stderr
    assert f"rm {node.folder}/network" in done.stderr, done.stderr
    assert node.has_route() and "drive-1" in node.rollback("--list").stdout
    assert node.rollback("--yes").returncode == 0 and not node.has_route()


def test_boot_marks_the_network_too(node):
    """Where no guard has started since: its guard.yaml has a mistake, say."""
    node.confirm()
    node.reboot()
    (node.folder / "network").unlink()
    node.rollback("--boot")
    assert os.readlink(node.folder / "network") == network_of(node)
    assert rollback_by(node, ELSEWHERE, "--yes").returncode == 1 and node.has_route()


def test_what_is_not_known_refuses_no_rescue(node):
    """No mark, by a guard of an older version; or a kernel that does not tell."""
    for sequence in (1, 2):
        done = node.trial("soak=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    done = rollback_by(node, BLIND, "--yes")
    assert done.returncode == 0 and "Done and verified" in done.stdout, done.stdout + done.stderr
    assert f"going on as if it were the guard's, {network_of(node)}" in done.stdout, done.stdout
    (node.folder / "network").unlink()
    done = node.rollback("--yes")
    assert done.returncode == 0 and "network namespace" not in done.stdout, done.stdout
    assert not node.has_route()


def test_a_guard_in_another_network_does_not_start(node):
    """It would take back there what stands here, and end who finishes that here."""
    driver = node.open_trial()
    node.kill()
    driver.kill()
    stranger = node.spawn([*ELSEWHERE, BIN / "oceanid-guard", "--config",
                           node.folder / "guard.yaml"], "stranger.log")
    assert stranger.wait(15) == 1, node.log("stranger.log")
    assert f"expected {network_of(node)}" in node.log("stranger.log"), node.log("stranger.log")
    stays(node.has_route, 1, "the change, which nobody has taken back")
    assert os.readlink(node.folder / "network") == network_of(node)
    node.rollback("--stop-post")
    assert not node.has_route() and "Nothing is changed" in node.rollback("--list").stdout
