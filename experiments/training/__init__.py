"""A training: rules that learn one network task side by side."""
