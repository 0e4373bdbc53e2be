"""Reads feeds' documents, in a process of its own: what a document does to a parser is not felt by who beats.

The parent imports ``parser``. All else here is the child's, and feedparser is imported nowhere else.
"""
