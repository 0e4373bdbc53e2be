"""What is probed, what came of it, and when that is worth telling. Pure."""
