"""The three-way merge of queues and archive files: by message, then by field. Pure functions of texts."""

from bmad_messenger.merge.messages import Merged, merge_queues, merge_records

__all__ = ["Merged", "merge_queues", "merge_records"]
