"""profiles: somebody makes another of tailscaled's profiles current (`tailscale switch`).

The prefs that a change has set stand in the profile in which it was made, and in no other.
"""

import pytest

from lab import localapi
from lab.wait import stays, wait_until
from test_rescue import Styx

LAB, WORK = "lab", "work"


@pytest.fixture
def styx(fresh_lab):
    made = Styx(fresh_lab)
    fresh_lab.tailnet.add_profile(made.host)
    switch(made, LAB)
    yield made
    made.thaw_tailscaled()


def switch(styx, name):
    """And the exit node is offered there."""
    localapi.switch(styx.host, name)
    wait_until(styx.exit_nodes, 30, f"the exit node among the peers of {name}")


def use_it_as(styx, name):
    """Somebody has the same exit node in use there; its replies go there, too."""
    switch(styx, name)
    localapi.patch(styx.host, localapi.exit_on(styx.exit_nodes()[0]))


def expect_open(styx, said, shields=True):
    """Said in words, nothing of the other profile touched, and the shields in."""
    for word in (LAB, WORK, f"tailscale switch {localapi.profiles(styx.host)[LAB]}"):
        assert word in said, said
    stays(styx.exit_node, 3, "the exit node that somebody has set as work")
    assert styx.has_shield() and styx.ssh()
    assert "Nothing is changed" not in styx.rollback("--list").stdout
    assert shields


def come_back(styx):
    """What was open is done by itself, and no other profile has lost anything."""
    switch(styx, LAB)
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be undone")
    wait_until(lambda: not styx.has_shield(), 10, "the shields to go last")
    wait_until(lambda: "Nothing is changed" in styx.rollback("--list").stdout, 10, "its end")
    assert styx.ssh()
    switch(styx, WORK)
    assert styx.exit_node()


def test_switched_in_a_trial(styx):
    """The revert is open: what is current is not what was changed, though it says the same."""
    process = styx.open_trial()
    use_it_as(styx, WORK)
    styx.host.kill(process)
    styx.host.unit("oceanid-guard").kill()
    styx.host.unit("oceanid-guard").wait_active(30)
    wait_until(lambda: "tailscale switch" in styx.guard_log(), 20, "the guard to say so")
    expect_open(styx, styx.guard_log())
    come_back(styx)


def test_switched_before_a_rescue(styx):
    styx.confirm()
    use_it_as(styx, WORK)
    done = styx.rollback("--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    expect_open(styx, done.stdout)
    refused = styx.rollback("--void-tailscale", "--yes")
    assert refused.returncode == 1 and "tailscale switch" in refused.stderr
    come_back(styx)


def test_check_says_in_which_profile(styx):
    styx.confirm()
    use_it_as(styx, WORK)
    done = styx.rollback("--check")
    assert done.returncode == 1, done.stdout
    line = next(line for line in done.stdout.splitlines() if "tailscale:" in line)
    assert line.startswith("unknown") and LAB in line and WORK in line, line
    switch(styx, LAB)
    wait_until(lambda: styx.rollback("--check").returncode == 0, 10, "all as confirmed")


def test_undo_text_leads_back_first(styx):
    styx.confirm()
    text = styx.host.path("/var/lib/oceanid/guard/undo.txt").read_text()
    first = f"# tailscale switch {localapi.profiles(styx.host)[LAB]}\n# tailscale set --exit-node="
    assert first in text, text
