"""Training a stack of networks: entrants, regime, the loop, sweeps and what they cost."""
