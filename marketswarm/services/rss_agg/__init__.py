"""The feeds' service: fetches what truth names, politely, and puts every entry on the queue once.

Nothing is imported here: the process that parses documents needs a part of this package only.
"""
