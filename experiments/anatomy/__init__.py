"""The anatomy: the inside of every step of one rule's run."""
