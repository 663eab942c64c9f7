"""What is found out about rules: the inside of a step, stability on quadratics, the learning-rate finder."""
