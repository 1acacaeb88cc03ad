"""drift: what was confirmed and somebody altered since is told, also where nothing in the kernel says
whose it is: a link, a setting, a preference of tailscaled's.
"""

import pytest

from lab import localapi
from lab.wait import wait_until

pytestmark = pytest.mark.tailnet("standin")
NODE = "srv712695"
SETTING = "net.ipv4.conf.spare0.rp_filter"
CHANGE = f"""\
reason: A spare link, a setting of it, and what tailscaled is asked for.
reference: "#105"
justification: Nothing is broken; this is a drill.
targets: [{NODE}]
waive:
  needed: a drill
operations:
  - link: {{ dev: spare0, mtu: 1400 }}
  - sysctl: {{ name: {SETTING}, value: 0 }}
  - tailscale: {{ advertise_routes: [198.18.77.0/24] }}
"""


@pytest.fixture
def host(fleet):
    made = fleet.lab[NODE]
    made.run(["sh", "-ec", "ip link add spare0 type veth peer name spare1\nip link set spare0 up\n"
                           "ip link set spare1 up"])
    path = fleet.write_change("spare", CHANGE)
    wait_until(lambda: "CANNOT" not in fleet.ctl("plan", path, check=False).stdout, 20,
               "the controller to have heard of the link")
    yield made
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    made.ip("link", "del", "spare0")
    fleet.wait_settled()


def told(fleet):
    return fleet.json("node", NODE)["drift"]


def wait_told(fleet, parts, what):
    """Each part in a line of its own, and no other line."""
    def fits():
        lines = told(fleet)
        return len(lines) == len(parts) and all(
            any(part in line for line in lines) for part in parts)
    wait_until(fits, 90, f"{what}; told is {told(fleet)}")


def test_settings_and_prefs(fleet, host):
    """What a link takes along is put back at the link's next change; a preference by nobody."""
    fleet.start("spare", CHANGE)
    rollout = fleet.wait_outcome(("complete", "reverted", "halted"))
    assert rollout["outcome"] == "complete", rollout["nodes"][0]["sentence"]
    assert told(fleet) == []
    host.run(["sysctl", "-qw", f"{SETTING}=1"])
    localapi.patch(host, {"AdvertiseRoutes": [], "AdvertiseRoutesSet": True})
    wait_told(fleet, [SETTING, "advertise"], "the setting and the preference")
    assert SETTING in fleet.ctl("node", NODE, check=False).stdout
    host.ip("link", "set", "spare0", "mtu", "1300")
    wait_until(lambda: "mtu 1400" in host.ip("link", "show", "spare0"), 10, "the mtu to be put back")
    wait_told(fleet, ["advertise"], "the setting to be put back with the link")
    assert fleet.ctl("emergency-rollback", "--all", "--yes", check=False).returncode == 0
    wait_told(fleet, [], "nothing any more, as nothing stands")
