"""``python bench``: measures every tracked figure and writes bench/results.json.

``python bench precision`` measures the figures of one kind again and keeps the others.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    root = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(root / "tb"), str(root / "bench")]
    from measure import main

    sys.exit(main(root))
