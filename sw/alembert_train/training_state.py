"""All that a training needs to go on, in a file that is whole or not there."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from alembert.files import write_file

from .albert import Albert
from .settings import Settings
from .technique import Technique

__all__ = ["TrainingState", "load_weights"]


class TrainingState:
    """What changes while a model is trained.

    Parameters
    ----------
    model : Albert
    optimiser : torch.optim.Optimizer
    techniques : sequence of Technique
    settings : Settings
        A file of others is refused.
    """

    def __init__(
        self,
        model: Albert,
        optimiser: torch.optim.Optimizer,
        techniques: Sequence[Technique],
        settings: Settings,
    ) -> None:
        self._model, self._optimiser = model, optimiser
        self._techniques = techniques
        self._kind = {
            "settings": asdict(settings),
            "scheme": model.scheme.name,
            "techniques": [
                {"kind": type(technique).__name__, "rate": technique.rate, **technique.settings()}
                for technique in techniques
            ],
        }

    def save(self, path: Path, epochs: Sequence[Mapping[str, Any]]) -> None:
        """Write it, with the epochs that led to it."""
        state = {
            **self._kind,
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "learned": [technique.state() for technique in self._techniques],
            "random": torch.get_rng_state(),
            "epochs": [dict(epoch) for epoch in epochs],
        }
        content = io.BytesIO()
        torch.save(state, content)
        write_file(path, content.getbuffer())

    def load(self, path: Path) -> list[dict[str, Any]]:
        """Go on from a file; the epochs behind it, none if there is no file.

        Raises
        ------
        ValueError
            It is damaged, or of another training.
        """
        if not path.exists():
            return []
        try:
            state: dict[str, Any] = torch.load(path, weights_only=True)
            if any(state[name] != value for name, value in self._kind.items()):
                raise ValueError("it is of a training with other settings")
            self._model.load_state_dict(state["model"])
            self._optimiser.load_state_dict(state["optimiser"])
            for technique, learned in zip(self._techniques, state["learned"]):
                technique.restore(learned)
            torch.set_rng_state(state["random"])
            return state["epochs"]
        except Exception as error:  # torch names many for a damaged file
            raise ValueError(f"{path.name} cannot be gone on from: {error}") from error


def load_weights(model: Albert, path: Path) -> None:
    """The weights of a float32 model's file, for a training that begins with them.

    Raises
    ------
    ValueError
        It is damaged, or of another model.
    """
    try:
        state = torch.load(path, weights_only=True)
        if state["scheme"] != "float32":
            raise ValueError(f"it is of a model trained in {state['scheme']}")
        if state["techniques"]:
            # what is kept is what they had not yet changed for good
            raise ValueError("it is of a model that is pruned or has learned spans")
        model.load_state_dict(state["model"])
    except Exception as error:  # torch names many for a damaged file
        raise ValueError(f"{path.parent.name} cannot be started from: {error}") from error
