from contextlib import AbstractContextManager
from typing import Any

def unwrap_model_for_generation(
    model: Any, accelerator: Any, **options: Any
) -> AbstractContextManager[Any]: ...
