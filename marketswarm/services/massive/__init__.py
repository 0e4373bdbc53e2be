"""massive: probes targets on the network and the market API, and says which step fails."""
