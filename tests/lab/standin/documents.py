"""documents: the LocalAPI's documents, shaped like those recorded from the real tailscaled.

The templates are tests/data/tailscale; this file only fills in what the stand-in knows.
"""

import copy
import json
import pathlib
import time

DATA = pathlib.Path(__file__).resolve().parents[2] / "data" / "tailscale"
VERSION = "1.102.3-standin"
CAPABILITY = 142
NEVER = "0001-01-01T00:00:00Z"
NOT_ACCEPTED = "Some peers are advertising routes but --accept-routes is false"


def load(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


STATUS = load("status_exit_ok.json")
PEER = next(iter(STATUS["Peer"].values()))
PREFS = load("prefs_exit_ok.json")
PING = load("ping_disco_ok.json")


def when(seconds):
    if not seconds:
        return NEVER
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000000001Z"


def new_prefs():
    """The prefs of a node that has not joined anything yet."""
    prefs = copy.deepcopy(PREFS)
    prefs.update(ControlURL="", ExitNodeID="", ExitNodeAllowLANAccess=False, WantRunning=False,
                 LoggedOut=False, Hostname="", AdvertiseRoutes=None)
    prefs["Config"]["NodeID"] = ""
    return prefs


def user(number):
    """Of a profile, as the control server names its account."""
    name = ("lab", "work")[number % 2]
    return {"ID": number + 1, "LoginName": name, "DisplayName": name}


def profile(name, prefs):
    """ipn.LoginProfile of one that is logged in."""
    account = prefs["Config"]["UserProfile"]
    return {"ID": name, "Name": account["LoginName"], "Key": f"profile-{name}",
            "NetworkProfile": {"MagicDNSName": "tail.lab", "DomainName": "tail.lab"},
            "UserProfile": account, "NodeID": prefs["Config"]["NodeID"], "LocalUserID": "",
            "ControlURL": prefs["ControlURL"]}


def _common(entry, node):
    addresses = node["Addresses"]
    entry.update(ID=node["StableID"], NodeID=node["ID"], PublicKey=node["Key"],
                 HostName=node["Name"], DNSName=f"{node['Name']}.tail.lab.",
                 TailscaleIPs=addresses, AllowedIPs=node["AllowedIPs"],
                 Created=when(node["Created"]), Online=node["Online"],
                 PeerAPIURL=[f"http://{addresses[0]}:48586", f"http://[{addresses[1]}]:48586"],
                 ExitNodeOption=offers_exit(node), CurAddr="", ExitNode=False)
    entry.pop("PrimaryRoutes", None)
    if node["PrimaryRoutes"]:
        entry["PrimaryRoutes"] = node["PrimaryRoutes"]
    return entry


def offers_exit(node):
    return {"0.0.0.0/0", "::/0"} <= set(node["AllowedIPs"])


def self_entry(node, endpoint):
    entry = _common(copy.deepcopy(STATUS["Self"]), node)
    entry["Addrs"] = [endpoint] if endpoint else []
    if node["Expired"]:
        entry.update(Expired=True, KeyExpiry=when(node["Created"]))
    return entry


def peer_entry(node, path, prefs):
    """path: wire.Path of the peer, or None while nothing is known of it."""
    entry = _common(copy.deepcopy(PEER), node)
    entry.update(ExitNode=node["StableID"] == prefs["ExitNodeID"], LastSeen=when(node["LastSeen"]),
                 Active=False, InEngine=False, RxBytes=0, TxBytes=0, LastWrite=NEVER,
                 LastHandshake=NEVER)
    if path:
        entry.update(CurAddr=path.trusted_address(), Active=path.recent(), InEngine=path.recent(),
                     RxBytes=path.rx_bytes, TxBytes=path.tx_bytes,
                     LastWrite=when(path.last_write), LastHandshake=when(path.last_handshake))
    return entry


def status(backend, peers=True):
    """ipnstate.Status of a backend (see backend.py)."""
    prefs, netmap = backend.prefs, backend.netmap
    document = copy.deepcopy(STATUS)
    document.update(Version=VERSION, BackendState=backend.state, Health=[],
                    HaveNodeKey=netmap is not None)
    document.pop("ExitNodeStatus", None)
    if netmap is None:
        document.update(TailscaleIPs=None, Peer=None, CurrentTailnet=None)
        document["Self"].update(ID="", NodeID=0, HostName=prefs["Hostname"], DNSName="",
                                TailscaleIPs=None, AllowedIPs=None, Addrs=[], Online=False)
        return document
    document["TailscaleIPs"] = netmap["self"]["Addresses"]
    document["Self"] = self_entry(netmap["self"], backend.endpoint)
    found = [peer for peer in netmap["peers"] if peer["StableID"] == prefs["ExitNodeID"]]
    if found and prefs["ExitNodeID"]:
        addresses = [f"{address}/{128 if ':' in address else 32}"
                     for address in found[0]["Addresses"]]
        document["ExitNodeStatus"] = {"ID": found[0]["StableID"], "Online": found[0]["Online"],
                                      "TailscaleIPs": addresses}
    if not prefs["RouteAll"] and any(peer["PrimaryRoutes"] for peer in netmap["peers"]):
        document["Health"].append(NOT_ACCEPTED)
    document["Peer"] = {peer["Key"]: peer_entry(peer, backend.wire.path(peer["ID"]), prefs)
                        for peer in netmap["peers"]} if peers else None
    return document


def ping(address, peer, seconds, endpoint):
    answer = copy.deepcopy(PING)
    answer.update(IP=address, NodeIP=peer["Addresses"][0], NodeName=peer["Name"],
                  LatencySeconds=seconds, Endpoint=endpoint)
    return answer
