"""Layers, forward and backward by hand, each beside its torch module."""
