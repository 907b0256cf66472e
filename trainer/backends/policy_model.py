"""The policy as it is in the middle of its training: asked, and left as it was.

Whatever temperature the completions are sampled at, probabilities are those of the raw logits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from saeval.errors import BackendError
from saeval.tasks.format.labels import ANSWER_PREFIX
from saeval.tasks.lm_eval.logprobs import compute_label_probabilities
from saeval.tasks.types import VERIFICATION_LABELS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Prompt = str | Sequence[dict[str, str]]
"""Text, or messages for the chat template."""

TokenIds = list[int]

NOT_FINITE = (
    "the policy gives probabilities that are not finite: its weights are spoilt; lower "
    "`optimisation.learning_rate` or `optimisation.max_grad_norm`"
)


class PolicyModel:
    """What the policy says and thinks.

    Parameters
    ----------
    model, tokenizer
        The model that is trained and its tokenizer; neither is changed.
    batch_size
        How many sequences go through the model at once.
    generating
        Gives the model to generate with; a model that is spread over devices has to be gathered.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        batch_size: int,
        generating: Callable[[], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self._model, self._tokenizer, self._batch_size = model, tokenizer, batch_size
        self._generating = generating or (lambda: nullcontext(model))
        self._labels = {
            label: _tokens(tokenizer, label, special=False) for label in VERIFICATION_LABELS.names
        }
        self._checked = False

    def label_probabilities(self, prompts: Sequence[Prompt]) -> list[dict[str, float]]:
        """The probability of each label after ``LABEL=``, by prompt; they sum to one.

        Raises
        ------
        BackendError
            If a label has other tokens after ``LABEL=`` than alone.
        """
        self._check_labels(prompts[0])
        prefixes = [self.tokenize(prompt, ANSWER_PREFIX) for prompt in prompts]
        sums: list[dict[str, float]] = [{} for _ in prompts]
        # A label's last token needs no forward pass of its own, nor does the beginning of another.
        starts = {tuple(ids[:-1]) for ids in self._labels.values()}
        for start in starts:
            if any(other != start and other[: len(start)] == start for other in starts):
                continue
            served = {
                label: ids
                for label, ids in self._labels.items()
                if start[: len(ids) - 1] == tuple(ids[:-1])
            }
            sequences = [[*prefix, *start] for prefix in prefixes]
            for places, logits in self._logits(sequences, len(start) + 1):
                scores = logits.log_softmax(-1)
                for label, ids in served.items():
                    scored = scores[:, range(len(ids)), ids].sum(-1).tolist()
                    for place, value in zip(places, scored, strict=True):
                        sums[place][label] = value
        try:
            return [
                compute_label_probabilities([values[label] for label in VERIFICATION_LABELS.names])
                for values in sums
            ]
        except ValueError as error:
            raise BackendError(NOT_FINITE) from error

    def log_likelihoods(
        self, prompts: Sequence[Prompt], completions: Sequence[TokenIds]
    ) -> list[float]:
        """The log-probability of each completion, given as tokens, after its prompt."""
        likelihoods = [0.0] * len(prompts)
        sequences = [
            [*self.tokenize(prompt), *completion]
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        for places, logits in self._logits(sequences, max(map(len, completions)) + 1):
            scores = logits[:, :-1].log_softmax(-1)
            for row, place in enumerate(places):
                ids = completions[place]
                ends = range(scores.shape[1] - len(ids), scores.shape[1])
                likelihoods[place] = scores[row, ends, ids].sum().item()
        return likelihoods

    def generate_responses(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[str]:
        """Greedy responses."""
        return self._generate(prompts, max_new_tokens=max_new_tokens, do_sample=False)

    def sample_responses(
        self,
        prompts: Sequence[Prompt],
        n_samples: int,
        *,
        temperature: float,
        max_new_tokens: int,
        seed: int,
    ) -> list[list[str]]:
        """Sampled responses of each prompt; random numbers drawn elsewhere stay the same."""
        repeated = [prompt for prompt in prompts for _ in range(n_samples)]
        device = self._model.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            texts = self._generate(
                repeated,
                max_new_tokens=max_new_tokens,
                do_sample=True,
                temperature=temperature,
                top_k=0,
            )
        return [texts[start : start + n_samples] for start in range(0, len(texts), n_samples)]

    def _generate(self, prompts: Sequence[Prompt], **how: Any) -> list[str]:
        responses = [""] * len(prompts)
        ends = {self._tokenizer.eos_token_id, *_listed(self._model.generation_config.eos_token_id)}
        settings = GenerationConfig(
            **how,
            pad_token_id=self._tokenizer.pad_token_id,
            eos_token_id=sorted(end for end in ends if end is not None),
        )
        with self._generating() as model, self._asked(model):
            for places, ids, mask in self._batches([self.tokenize(prompt) for prompt in prompts]):
                sequences = model.generate(
                    input_ids=ids, attention_mask=mask, generation_config=settings
                )
                texts = self._tokenizer.batch_decode(
                    sequences[:, ids.shape[1] :], skip_special_tokens=True
                )
                for place, text in zip(places, texts, strict=True):
                    responses[place] = text
        return responses

    def tokenize(self, prompt: Prompt, after: str = "") -> TokenIds:
        """The tokens of a prompt and what stands after it, as the trainer makes them."""
        return tokenize_prompt(self._tokenizer, prompt, after)

    def _check_labels(self, prompt: Prompt) -> None:
        if self._checked:
            return
        before = self.tokenize(prompt, ANSWER_PREFIX)
        for label, ids in self._labels.items():
            if self.tokenize(prompt, ANSWER_PREFIX + label) != [*before, *ids]:
                raise BackendError(
                    f"{ANSWER_PREFIX}{label} is read as other tokens than {ANSWER_PREFIX} and "
                    f"{label} one by one, so that its probability cannot be probed with this base; "
                    "see `satrain check RECIPE --base MODEL`"
                )
        self._checked = True

    def _logits(
        self, sequences: Sequence[TokenIds], keep: int
    ) -> Iterator[tuple[list[int], Tensor]]:
        """Places of some sequences and the logits at their last `keep` tokens."""
        with torch.no_grad(), self._asked(self._model):
            for places, ids, mask in self._batches(sequences):
                output = self._model(
                    input_ids=ids, attention_mask=mask, logits_to_keep=keep, use_cache=False
                )
                yield places, output.logits[:, -keep:].float()

    def _batches(self, sequences: Sequence[TokenIds]) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """Sequences of similar length together, padded on the left."""
        order = sorted(range(len(sequences)), key=lambda place: len(sequences[place]))
        for start in range(0, len(order), self._batch_size):
            places = order[start : start + self._batch_size]
            width = len(sequences[places[-1]])
            ids = torch.full((len(places), width), self._tokenizer.pad_token_id or 0)
            mask = torch.zeros_like(ids)
            for row, place in enumerate(places):
                ids[row, width - len(sequences[place]) :] = torch.tensor(sequences[place])
                mask[row, width - len(sequences[place]) :] = 1
            yield places, ids.to(self._model.device), mask.to(self._model.device)

    @staticmethod
    @contextmanager
    def _asked(model: Any) -> Iterator[None]:
        """Without dropout, and afterwards as before."""
        training = model.training
        model.eval()
        try:
            yield
        finally:
            model.train(training)


def tokenize_prompt(
    tokenizer: PreTrainedTokenizerBase, prompt: Prompt, after: str = ""
) -> TokenIds:
    """The tokens of a prompt, through the chat template where it is messages."""
    if isinstance(prompt, str):
        return _tokens(tokenizer, prompt + after, special=True)
    text = tokenizer.apply_chat_template(list(prompt), tokenize=False, add_generation_prompt=True)
    return _tokens(tokenizer, f"{text}{after}", special=False)


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str, *, special: bool) -> TokenIds:
    return list(tokenizer(text, add_special_tokens=special).input_ids)


def _listed(value: int | list[int] | None) -> list[int | None]:
    return [*value] if isinstance(value, list) else [value]
