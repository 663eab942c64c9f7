"""Backpropagation: the chain rule with the numbers of one network."""
