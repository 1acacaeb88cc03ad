"""lab: Oceanid's hosts, made of network namespaces. tests/lab/README.md says how to use it."""

from lab.lab import Lab
from lab.wait import Timeout, stays, wait_until

__all__ = ["Lab", "Timeout", "stays", "wait_until"]
