"""The map: two numbers of a race as axes, one run a cell."""
