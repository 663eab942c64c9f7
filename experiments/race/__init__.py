"""The race: rules on one surface, from one start, on the same noise."""
