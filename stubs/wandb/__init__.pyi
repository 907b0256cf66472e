"""What saeval uses of Weights & Biases, which is installed in an environment of its own."""

from typing import Any

Artifact: Any
Settings: Any
Table: Any

def init(**settings: Any) -> Any: ...
