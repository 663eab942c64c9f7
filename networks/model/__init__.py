"""Networks as objectives: layers, losses, first parameters, for a whole stack of runs at once."""
