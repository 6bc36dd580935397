"""The group `workflow`: workflows, and their runs."""
