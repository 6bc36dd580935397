"""BMAD v6's own workflow files: a YAML file of variables, and instructions with tags; its `<exec>` elements are run.

What a BMAD agent would be asked to judge or to do, a program can't: it is shown, in order, as the agent's part.
"""
