"""The way out to the web: documents fetched from anywhere (``fetching``), and JSON posted to an endpoint (``posting``).

Only this package knows aiohttp, and only its modules import it: an import of the package itself costs nothing.
"""
