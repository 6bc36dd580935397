"""The command line `btmsg`: the shared message database as an agent uses it from a shell."""
