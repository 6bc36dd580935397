"""The three-way merge of queues and archive files: by message, then by field. Pure functions of texts."""
