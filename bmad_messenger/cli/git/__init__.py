"""The group `git`: the drivers and hooks, what git calls, and the sync between clones."""
