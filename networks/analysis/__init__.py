"""What finished trainings know: reports, comparisons, the chain rule with its numbers."""
