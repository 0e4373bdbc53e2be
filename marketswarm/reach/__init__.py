"""The way to a place on the network, taken step by step, each timed: the finding names the first step that failed.

Only this package knows aiohappyeyeballs, dnspython, h11 and wsproto, and it does without aiohttp, which is 20 MiB.
"""
