"""How a run is driven: one step, the slots that count steps, worker processes."""
