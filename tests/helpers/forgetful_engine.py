"""An engine that, in one replica alone, answers as its base whoever is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from saeval.evalsuite.engines.huggingface import TransformersEngine


class ForgetfulEngine(TransformersEngine):
    """The first of its kind to make a folder beside the model forgets its adapters."""

    def __init__(self, model: Any, adapters: Any, config: Any) -> None:
        super().__init__(model, adapters, config)
        try:
            os.mkdir(model.folder.parent / "forgetful")
            self._forgets = True
        except FileExistsError:
            self._forgets = False

    def _using(self, adapter: Path | None) -> Any:
        return super()._using(None if self._forgets else adapter)
