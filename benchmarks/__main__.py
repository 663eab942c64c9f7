"""Every measured promise: the race against torch.optim, then the stage in Chromium. `python -m benchmarks`"""

from benchmarks import race, stage

if __name__ == "__main__":
    race.main()
    print()
    stage.main()
