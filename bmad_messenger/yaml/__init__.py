"""The YAML that this project reads and writes: JSON's values, in plain sight, each with its place in the text.

It is YAML 1.2's core schema without tags, anchors and aliases. So times stay text, nothing is ever
constructed, and no small text grows into a large value.
"""
