"""A sweep over a network: rules along lr and one more number."""
