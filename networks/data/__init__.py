"""Tables of inputs and targets: where they come from and what is done to them before a training."""
