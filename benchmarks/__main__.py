"""Every measured promise: the race, the maps, the networks, then the stage in Chromium. `python -m benchmarks`"""

import subprocess
import sys

from benchmarks import load, race, stage, sweep
from benchmarks.floor import status

if __name__ == "__main__":
    race.main()
    print()
    sweep.main()
    print(flush=True)
    # On one thread from its first import on.
    networks = subprocess.run([sys.executable, "-m", "benchmarks.networks"], check=False, timeout=3600)
    print()
    stage.main()
    print()
    load.main()
    sys.exit(max(networks.returncode, status()))
