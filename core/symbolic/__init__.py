"""Formulas as data: recorded arithmetic, its derivatives, and how it is written as mathematics."""
