"""One's own data as a task of the lm-evaluation-harness: the class that a task file names.

The file says how its data is asked under ``metadata: saeval:``, and the harness where the file is.
What stands in the data is shown as it is: no text of it is a template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

from saeval.errors import DataError
from saeval.tasks.lm_eval.load import harness_settings
from saeval.tasks.lm_eval.tasks import VerificationTask
from saeval.tasks.registry import get_task


class OwnTask(VerificationTask):
    """A task file of own data, as `saeval tasks new` writes it."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        metadata = dict((config or {}).get("metadata") or {})
        metadata.pop("saeval", None)
        source = metadata.get("config_source")
        if not isinstance(source, str) or not Path(source).is_file():
            raise DataError(
                "OwnTask is the class of a task file; name the file's folder with --include_path"
            )
        own = get_task(source)
        self._probes_labels = own.kind.has_label_probabilities
        super().__init__(config=harness_settings(own, metadata))

    def construct_requests(
        self, doc: dict[str, Any], ctx: str, **kwargs: Any
    ) -> Instance | list[Instance]:
        """As of any task of its kind: label probabilities are those of verification."""
        if self._probes_labels:
            return super().construct_requests(doc, ctx, **kwargs)
        requests: Instance | list[Instance] = ConfigurableTask.construct_requests(
            self, doc, ctx, **kwargs
        )
        return requests
