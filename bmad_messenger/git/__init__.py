"""The queue and its history in git: drivers, hooks, and the sync between clones, all through the `git` command."""
