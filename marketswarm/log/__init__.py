"""The log: lines on stderr, and for alerts under the journal entries whose fields can be searched."""

from marketswarm.log.alerts import announce, fields
from marketswarm.log.output import NOTICE, configure, mark, under_journal

__all__ = ["NOTICE", "announce", "configure", "fields", "mark", "under_journal"]
