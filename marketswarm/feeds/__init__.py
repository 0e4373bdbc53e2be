"""What feeds bring and how they are asked for it, as values and decisions. Pure."""
