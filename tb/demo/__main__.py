"""``python tb/demo``: real tensors of a pretrained ALBERT through the RTL of every datapath."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the work is spread over processes
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from demo.show import main

    sys.exit(main())
