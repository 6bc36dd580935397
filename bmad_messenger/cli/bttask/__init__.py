"""The command line `bttask`: the task board in the database of btmsg."""
