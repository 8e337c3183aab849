"""What stores tensors between the units, and rearranges them."""

from .bank import SramBank
from .ports import read_signature, write_signature
from .read_port import ReadPort
from .row_reader import RowReader
from .row_writer import RowWriter
from .scratchpad import Scratchpad
from .transposer import Transposer
from .walker import Walker

__all__ = [
    "ReadPort",
    "RowReader",
    "RowWriter",
    "Scratchpad",
    "SramBank",
    "Transposer",
    "Walker",
    "read_signature",
    "write_signature",
]
