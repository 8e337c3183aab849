"""A packed model as it is used: read from its folder, checked as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from alembert.config.presets import preset as preset_named
from alembert_compiler.image import Image, ImageError
from alembert_runtime.errors import IncompatibleError
from alembert_runtime.fit import require_machine
from alembert_text.tokeniser import TOKENISER, Tokeniser

from .errors import PackedModelError
from .model_file import ModelFile, PresetFile, sha256_of

__all__ = ["CARD", "MODEL", "PackedModel", "built_in_models", "check_image"]

MODEL, CARD = "model.json", "README.md"
"""Files of a packed model, beside its tokeniser and an image for each preset."""

_BUILT_IN = Path(__file__).parent


def built_in_models() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(found.parent.name for found in _BUILT_IN.glob(f"*/{MODEL}")))


@dataclass(frozen=True, kw_only=True)
class PackedModel:
    """A classifier of texts, with an image for each of some machines.

    Parameters
    ----------
    folder : Path
        Where it is.
    file : ModelFile
        What ``model.json`` says.
    pieces : Tokeniser
    images : mapping of str to Image
        By preset; data are views of the files in memory.
    """

    folder: Path
    file: ModelFile
    pieces: Tokeniser
    images: Mapping[str, Image]

    @classmethod
    def load(cls, source: Path | str) -> PackedModel:
        """Read a model, and check that all of its parts belong together.

        Parameters
        ----------
        source : Path or str
            A folder; or the name of a built-in model, which comes first (``./r8`` is a folder).

        Raises
        ------
        PackedModelError
            There is no such model, a file is missing, cannot be read or is another than was packed,
            ``model.json`` is not of its form, an image does not suit its machine, the classes, the
            length or the word pieces.
        ImportError
            The tokenizers library is not installed.
        """
        folder = _folder_of(source)
        try:
            file = ModelFile.from_json(_read(folder / MODEL).decode("utf-8"))
        except PackedModelError:
            raise
        except (TypeError, ValueError) as error:
            raise PackedModelError(f"{MODEL} of {folder}: {error}") from error
        _require_digest(folder / TOKENISER, file.tokenizer)
        if not (folder / CARD).is_file():
            raise PackedModelError(f"{folder} lacks {CARD}")
        try:
            pieces = Tokeniser.load(folder / TOKENISER)
        except ValueError as error:
            raise PackedModelError(f"{folder}: {error}") from error
        images = {name: _load_image(folder, file, name, pieces) for name in file.presets}
        return cls(folder=folder, file=file, pieces=pieces, images=MappingProxyType(images))

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.file.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Names by class number."""
        return self.file.classes

    @property
    def max_length(self) -> int:
        """Most tokens of a sentence."""
        return self.file.max_length

    def preset(self, name: str) -> PresetFile:
        """What is known of the model on a machine.

        Raises
        ------
        PackedModelError
            It is not packed for one of that name.
        """
        if name not in self.file.presets:
            known = ", ".join(self.file.presets)
            raise PackedModelError(
                f"preset of model {self.name} must be one of {known}, not {name!r}"
            )
        return self.file.presets[name]

    def image_for(self, name: str) -> Image:
        """The image for a preset; raises as :meth:`preset`."""
        self.preset(name)
        return self.images[name]

    def threshold_for(self, name: str) -> float:
        """Nats below which a sentence leaves; raises as :meth:`preset`."""
        return self.preset(name).threshold


def check_image(image: Image, preset: str, file: ModelFile, pieces: Tokeniser) -> None:
    """Refuse an image that does not suit its machine or the rest of a model.

    Raises
    ------
    IncompatibleError
        It is for another machine than the preset's.
    ValueError
        There is no such preset; or it is no classifier's, or has other classes, another length, or
        fewer token ids than there are pieces.
    """
    require_machine(preset_named(preset).machine, image)
    if image.targets is not None:
        raise PackedModelError("the image must be a classifier's, not a masked-language head's")
    if image.classes != len(file.classes):
        raise PackedModelError(
            f"the image must have a logit for each of {len(file.classes)} classes, "
            f"not {image.classes}"
        )
    if image.max_length != file.max_length:
        raise PackedModelError(
            f"the image must take {file.max_length} tokens, not {image.max_length}"
        )
    if len(pieces) > image.vocabulary:
        raise PackedModelError(
            f"there must be at most {image.vocabulary} word pieces, those of the image, not "
            f"{len(pieces)}"
        )


def _folder_of(source: Path | str) -> Path:
    if isinstance(source, str) and source in built_in_models():
        return _BUILT_IN / source
    folder = Path(source)
    if not folder.is_dir():
        known = ", ".join(built_in_models()) or "there are none"
        raise PackedModelError(
            f"model must be a built-in one ({known}) or a folder, not {str(source)!r}"
        )
    return folder


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PackedModelError(f"{path.parent} lacks {path.name}") from None
    except OSError as error:
        raise PackedModelError(f"{path} cannot be read: {error.strerror or error}") from error


def _require_digest(path: Path, digest: str) -> None:
    if (found := sha256_of(_read(path))) != digest:
        raise PackedModelError(f"{path} must have the SHA-256 {digest}, not {found}")


def _load_image(folder: Path, file: ModelFile, name: str, pieces: Tokeniser) -> Image:
    preset = file.presets[name]
    path = folder / preset.image
    _require_digest(path, preset.sha256)
    try:
        image = Image.load(path, mapped=True)
    except ImageError as error:
        raise PackedModelError(f"{folder}: {error}") from error
    try:
        check_image(image, name, file, pieces)
    except (IncompatibleError, ValueError) as error:
        raise PackedModelError(f"{path}: {error}") from error
    return image
