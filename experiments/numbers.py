"""Numbers and names as a person would write them."""

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """Three significant digits, as a person would write them."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "undefined"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
        return text.replace("-", "−")
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("-", "−")


def listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
