"""MarketSwarm watches a swarm of market daemons and tells people when one has gone dark."""
