from typing import Any

from transformers.utils import logging as logging

def __getattr__(name: str) -> Any: ...
