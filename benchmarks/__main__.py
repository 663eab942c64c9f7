"""Every measured promise: the race, the maps, then the stage in Chromium. `python -m benchmarks`"""

from benchmarks import race, stage, sweep

if __name__ == "__main__":
    race.main()
    print()
    sweep.main()
    print()
    stage.main()
