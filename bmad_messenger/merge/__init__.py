"""The three-way merge of queues and archive files, by message and field, and of runs, by step. Pure functions."""

from bmad_messenger.merge.messages import Merged, merge_queues, merge_records
from bmad_messenger.merge.runs import merge_runs

__all__ = ["Merged", "merge_queues", "merge_records", "merge_runs"]
