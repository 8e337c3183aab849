"""Packed models: a classifier's images, its word pieces and what it was measured to be."""

from .errors import PackedModelError
from .model_file import ModelFile, PresetFile
from .pack import pack
from .packed_model import PackedModel, built_in_models

__all__ = [
    "ModelFile",
    "PackedModel",
    "PackedModelError",
    "PresetFile",
    "built_in_models",
    "pack",
]
