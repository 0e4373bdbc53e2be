"""What people are told of the alerts, when, and in which words. Pure: ``now`` is an argument."""
