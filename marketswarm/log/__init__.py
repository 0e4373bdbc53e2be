"""The log: lines on stderr, and for alerts under the journal entries whose fields can be searched.

``alerts`` is imported by who announces some: it needs the messages, which a command that only ends need not load.
"""

from marketswarm.log.output import NOTICE, configure, mark, under_journal

__all__ = ["NOTICE", "configure", "mark", "under_journal"]
