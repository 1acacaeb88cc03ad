"""standin: the parts of standin_tailscaled.py, our own small tailscaled for the lab."""
