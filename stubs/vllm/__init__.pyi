"""What saeval uses of vLLM, which is installed in an environment of its own."""

from collections.abc import Sequence
from typing import Any

class SamplingParams:
    def __init__(
        self,
        *,
        max_tokens: int | None = ...,
        temperature: float = ...,
        seed: int | None = ...,
        stop: str | Sequence[str] | None = ...,
        logprobs: int | None = ...,
        logprob_token_ids: Sequence[int] | None = ...,
        **others: Any,
    ) -> None: ...

class TokensPrompt(dict[str, Any]):
    def __init__(self, *, prompt_token_ids: list[int]) -> None: ...
