"""actors_real: the trials of actors.py over the real tailscaled and headscale, which are made to do
by themselves what the stand-in's part in busy.py only plays: another node advertises a route and
takes it back, so that table 52 is written anew again and again.
"""

import threading

import actors
import dump
from actors import TRIALS_A_GROUND, ground_kind, plan, trial  # noqa: F401
from lab import localapi, topology
from lab.wait import wait_until

SHORT, LONG = 3, 100            # trials
GROUNDS = 1
ADVERTISER, ROUTE = "calypso", "10.99.0.0/16"
EVERY_S = 1.5


def replay(plan_):
    return f"tests/faults/run.py actors --class real --seed {plan_['seed']}"


class RealGround(actors.BusyGround):
    TAILNET = "real"

    def __init__(self, seed):
        self.over, self.advertising, self.advertised = threading.Event(), None, 0
        super().__init__(seed)

    def prepare_others(self):
        """It takes routes from other nodes, those of the cluster not among them (a gate would stop
        all drills); the one that comes and goes has gone."""
        advertiser = self.lab[ADVERTISER]
        self.lab.tailnet.approve_routes(self.lab[topology.EXIT_NODE],
                                        topology.EXIT_NODE_ADVERTISES[:2])
        localapi.patch(self.node, {"RouteAll": True, "RouteAllSet": True})
        for route in topology.EXIT_NODE_ADVERTISES[2:]:
            wait_until(lambda route=route: not self.has_route(route), 30, f"{route} to be gone")
        self.lab.tailnet.approve_routes(advertiser, [ROUTE])
        for there in (True, False):
            self.advertise(there)
            wait_until(lambda there=there: self.has_route() == there, 30,
                       f"{ROUTE} to {'come' if there else 'go'}")
        self.advertising = threading.Thread(target=self.go_on_advertising)

    def begin_others(self, seed):
        super().begin_others(seed)
        self.advertising.start()

    def steps_elsewhere(self):
        return {ADVERTISER: self.advertised}

    def has_route(self, route=ROUTE):
        return f'"{route}"' in "".join(dump.read(self.node)["routes"])

    def advertise(self, there):
        localapi.patch(self.lab[ADVERTISER], {"AdvertiseRoutes": [ROUTE] if there else [],
                                              "AdvertiseRoutesSet": True})
        self.advertised += there

    def go_on_advertising(self):
        there = False
        while not self.over.wait(EVERY_S):
            there = not there
            self.advertise(there)

    def close(self):
        self.over.set()
        if self.advertising is not None and self.advertising.is_alive():
            self.advertising.join()
        super().close()


def make_ground(plan_):
    return RealGround(plan_["seed"])
