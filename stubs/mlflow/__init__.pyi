"""What saeval uses of MLflow, which is installed in an environment of its own."""

from typing import Any

class MlflowClient:
    def __init__(self, **settings: Any) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
