"""What every ratio must reach: those that do not are named at the end, and the exit status is 1."""

MISSED: list[str] = []


def held(name: str, ratio: float, floor: float) -> None:
    """Note a ratio that is below its floor."""
    if not ratio >= floor:
        MISSED.append(f"{name}: {ratio:.2f}×, the floor is {floor:g}×")


def status() -> int:
    """0, or 1 after naming what is below its floor."""
    for line in MISSED:
        print(f"below its floor: {line}")
    return int(bool(MISSED))
