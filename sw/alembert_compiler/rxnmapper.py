"""The pretrained ALBERT of the rxnmapper package: weights, vocabulary and real reactions.

An ALBERT of one shared layer and 12 passes, trained to fill masked tokens of reaction SMILES (MIT
licence). The package's tests and its README write down reactions, which are real inputs to
it. Source: Schwaller et al., Science Advances 7 (15), 2021, eabe4166.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .packages import Package, PackageFiles, fetch
from .smiles import SmilesTokeniser

__all__ = ["CHECKPOINT", "CONFIG", "PACKAGE", "VOCABULARY", "fetch_rxnmapper", "reactions"]

_MODEL = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k"
CHECKPOINT = f"{_MODEL}/pytorch_model.bin"
CONFIG = f"{_MODEL}/config.json"
VOCABULARY = f"{_MODEL}/vocab.txt"
_README = "rxnmapper-0.4.3.dist-info/METADATA"
_TESTS = ("tests/test_batched_mapper.py", "tests/test_mapper.py", "tests/test_smiles_utils.py")

PACKAGE = Package(
    name="rxnmapper",
    version="0.4.3",
    digests={
        CONFIG: "ea0f3144af1d13a5d5928cff01abd8e7c14ab831ff7b6d73a14d4162864a876f",
        CHECKPOINT: "8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2",
        VOCABULARY: "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd",
        _README: "0ed37d13d6a01bc7d030683bf0d9d2c573c8a73d43a2ab7b1320b3ef7b4f41d9",
        _TESTS[0]: "5ddb728dc27af5b964a73609d0e3ec69cfbd45e9de45161e84c5334ab27611c1",
        _TESTS[1]: "6fb4e8e734f77963e645df8a463f282f5012643e56ee73d5cdcf5eedb86c6f73",
        _TESTS[2]: "fc478bd07d2262b3b4b0ce27c387ef663fdeacc14615187cb9b54e8750ed4bc2",
    },
)


def fetch_rxnmapper(cache: Path | None = None) -> PackageFiles:
    """The package's pinned files; see :func:`alembert_compiler.packages.fetch`."""
    return fetch(PACKAGE, cache)


def reactions(files: PackageFiles) -> list[str]:
    """The reaction SMILES the package writes down, each once, in order of appearance.

    They are the string constants of its tests and of its README's examples that hold ``>>``, can
    be split into tokens, and hold no token unknown to the model: that leaves out the package's
    own answers (atom-mapped reactions) and its examples of bad input. Code is parsed, never run.
    """
    tokeniser = SmilesTokeniser.from_bytes(files.read(VOCABULARY))
    strings = [text for path in _TESTS for text in _strings(files.read(path).decode())]
    fences = re.findall(r"^```python\n(.*?)^```", files.read(_README).decode(), re.M | re.S)
    strings += [text for block in fences for text in _strings(block)]
    # ChemAxon's extension of SMILES (" |f:0.1|", which fragments belong together) is cut off
    smiles = dict.fromkeys(text.partition(" ")[0] for text in strings)
    return [text for text in smiles if _is_reaction(text, tokeniser)]


def _strings(source: str) -> list[str]:
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [node.value for node in nodes if isinstance(node.value, str)]


def _is_reaction(text: str, tokeniser: SmilesTokeniser) -> bool:
    # a bare ">>" stands for "no answer" in the package; a leading "." is the tail of a longer text
    if ">>" not in text.strip(">") or text.startswith("."):
        return False
    try:
        return tokeniser.unknown_id not in tokeniser.encode(text)
    except ValueError:
        return False
