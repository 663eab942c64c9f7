"""Every measured promise: the race, the maps, the networks, then the stage in Chromium. `python -m benchmarks`"""

import subprocess
import sys

from benchmarks import load, race, stage, sweep

if __name__ == "__main__":
    race.main()
    print()
    sweep.main()
    print(flush=True)
    subprocess.run([sys.executable, "-m", "benchmarks.networks"], check=True)  # on one thread from its first import on
    print()
    stage.main()
    print()
    load.main()
