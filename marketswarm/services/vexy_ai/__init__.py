"""The stream's worker: has a handler work through every item, and stores each result once, whoever dies meanwhile."""
