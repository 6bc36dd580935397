"""The history of a project: its messages, newest first, how long each step took, and figures about them."""
