"""Proofs before anything is answered and after: the base is the base, every adapter is applied.

Engines have answered base prompts with an adapter and adapter prompts without it, and adapters have
overwritten their base, all silently. So the first prompts are scored again and again: by the base
before any adapter is loaded, by each adapter as it comes, by all in one batch, by the base again,
and by both once a run is at its end. Every row of a model must agree with its first, every
adapter's must differ from the base's, and where an engine holds the base's weights, their content
must be what it was. Of a server it can only be asked whether its models stay who they are and
whether two of them differ at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from saeval.errors import ModelError, SaevalError
from saeval.evalsuite.engines.base import Engine, Request
from saeval.evalsuite.store.hashing import hash_text
from saeval.evalsuite.store.manifest import SAME, Proof
from saeval.evalsuite.store.probe_scores import TOLERANCE, distance

Probe = Callable[[Path | None], list[Request]]
"""Makes the probe questions anew, for an adapter or the base."""

Scores = list[list[float]]


class EngineProof:
    """What an engine's models gave when it began, to be compared with at the end of every run.

    Parameters
    ----------
    engine
        That has not been asked anything yet.
    adapters
        That it was given.
    probe
        Makes the probe questions.
    dtype
        Of the weights.
    alone
        What the base gave in an engine without adapters; None to ask this one, which then must not
        have loaded any yet.
    own_base
        Whether the base is there for its one adapter alone, which may change it: it is not asked
        once the adapter is loaded.
    ends
        Whether all is asked once more at the end of every run.
    moved
        How far the base's were from each other already, by occasion: those of its servers.

    Raises
    ------
    ModelError
        If an adapter changes no log-probability (it was not applied, or holds no training), base
        prompts are answered otherwise once adapters are in use, an adapter's are once others are,
        or weights of the base have changed.
    """

    def __init__(
        self,
        engine: Engine,
        adapters: Sequence[Path],
        probe: Probe,
        dtype: str,
        *,
        alone: Scores | None = None,
        own_base: bool = False,
        ends: bool = True,
        moved: Mapping[str, float] | None = None,
    ) -> None:
        self._engine = engine
        self._adapters = adapters
        self._probe = probe
        self._tolerance = TOLERANCE.get(dtype, TOLERANCE["bfloat16"])
        self._own_base = own_base
        self._ends = ends
        questions = probe(None)
        self._prompts = hash_text(
            "".join(str(instance.args) for q in questions for instance in q.loglikelihoods)
        )
        self._moved: dict[str, float] = dict(moved or {})
        self._weights = self._hash_weights()
        asked = label_scores(engine, questions) if alone is None else alone
        self._first: dict[Path | None, Scores] = {None: asked} if any(asked) else {}
        if self._first and (alone is None or adapters):
            self._check_base("again", "a second time")
        if self._first and adapters:
            self._load_adapters()

    def _load_adapters(self) -> None:
        """Score every adapter as it is loaded, then all and the base in one batch."""
        for adapter in self._adapters:
            self._first[adapter] = self._score_first(adapter)
        if not self._own_base:
            who = (None, *self._adapters)
            mixed = label_scores(self._engine, [q for one in who for q in self._probe(one)])
            count = len(self._first[None])
            rows = {one: mixed[n * count : (n + 1) * count] for n, one in enumerate(who)}
            self._compare_base("with_adapters", "in a batch with adapters", rows[None])
            self._check_base("after_adapters", "after adapters")
            self._check_weights()
            for adapter in self._adapters:
                self._compare_adapter(adapter, "in a batch with others", rows[adapter])
        for adapter in self._adapters:
            if self._distance_to_base(adapter) <= SAME:
                raise ModelError(
                    f"{adapter}: the adapter changes nothing: base and adapter give the same label "
                    f"log-probabilities on {len(self._first[adapter])} probe prompts (to "
                    f"{SAME:g}). Its weights do not fit this base or were never trained"
                )

    def _score_first(self, adapter: Path) -> Scores:
        try:
            return label_scores(self._engine, self._probe(adapter))
        except SaevalError:
            raise
        except Exception as error:  # of the libraries that make a model of base and adapter
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{adapter}: base and adapter make no model that answers: "
                f"{type(error).__name__}: {reason}"
            ) from error

    def check_end(self, adapter: Path | None) -> None:
        """Stop unless base and adapter still are who they were.

        Parameters
        ----------
        adapter
            Whose run has come to its end; None for the base's.
        """
        if not (self._first and self._ends):
            return
        if not (self._own_base and self._adapters):
            self._check_base("end", "at the end of the run")
            self._check_weights()
        if adapter is not None:
            now = label_scores(self._engine, self._probe(adapter))
            self._compare_adapter(adapter, "at the end of the run", now)

    def record(self, adapter: Path | None, *, ended: bool) -> Proof:
        """The figures, for the manifest of a run of this adapter or of the base."""
        return Proof(
            prompts=self._prompts,
            scores=self._first.get(adapter, []),
            base_moved=dict(self._moved),
            floor=max(SAME, *self._moved.values()) if self._moved else SAME,
            distance_to_base=(
                self._distance_to_base(adapter) if adapter and adapter in self._first else None
            ),
            base_weights=self._weights,
            own_base=self._own_base,
            ended=ended,
        )

    def _distance_to_base(self, adapter: Path) -> float:
        return distance(self._first[None], self._first[adapter])

    def _check_base(self, key: str, when: str) -> None:
        each = getattr(self._engine, "scores_by_server", None)
        if each is None:
            self._compare_base(key, when, label_scores(self._engine, self._probe(None)))
            return
        first = self._first[None]
        for address, now in each(self._probe).items():
            check_model_unchanged(address, first, now)
            self._moved[key] = max(distance(first, now), self._moved.get(key, 0.0))

    def _compare_base(self, key: str, when: str, now: Scores) -> None:
        apart = distance(self._first[None], now)
        self._moved[key] = max(apart, self._moved.get(key, 0.0))
        if apart > self._tolerance:
            raise ModelError(
                f"the engine answers base prompts {when} otherwise than alone: label "
                f"log-probabilities are {apart:.3g} apart on {len(now)} probe prompts. Its answers "
                "cannot be trusted; run base and checkpoint apart (`saeval run`), or use "
                "--engine transformers"
            )

    def _compare_adapter(self, adapter: Path, when: str, now: Scores) -> None:
        apart = distance(self._first[adapter], now)
        if apart > self._tolerance:
            raise ModelError(
                f"{adapter}: the engine answers with the adapter {when} otherwise than before: "
                f"label log-probabilities are {apart:.3g} apart on {len(now)} probe prompts. Its "
                "answers cannot be trusted; run the checkpoints apart (`saeval run`)"
            )

    def _check_weights(self) -> None:
        if self._hash_weights() != self._weights:
            names = ", ".join(str(adapter) for adapter in self._adapters)
            raise ModelError(
                f"{names}: loading changed weights of the base, so that its answers are no longer "
                "its own; convert the adapter to a plain LoRA with PEFT's save_pretrained(…, "
                "path_initial_model_for_weight_conversion=…), or merge it into a model "
                "(merge_and_unload)"
            )

    def _hash_weights(self) -> str | None:
        """Of the base, where adapters are loaded into it and the engine holds it."""
        hash_weights = getattr(self._engine, "hash_base_weights", None)
        return hash_weights() if hash_weights and self._adapters else None


def check_adapter_applied(
    engine: Engine, adapters: Sequence[Path], probe: Probe, dtype: str
) -> EngineProof:
    """Stop unless base rows are the base's and every adapter changes something.

    Raises
    ------
    ModelError
        See `EngineProof`.
    """
    return EngineProof(engine, adapters, probe, dtype)


def check_models_differ(url: str, scores: Mapping[str, Scores]) -> None:
    """Stop if two models of a server, by their names, are one model.

    Raises
    ------
    ModelError
        If the label log-probabilities of any two are the same. Where there are none, nothing can
        be said.
    """
    for (first, a), (second, b) in combinations(scores.items(), 2):
        if all(a) and all(b) and distance(a, b) <= SAME:
            raise ModelError(
                f"{url}: {first} and {second} are one model: both give the same label "
                f"log-probabilities on {len(a)} probe prompts. Does the server apply the adapter "
                "(vLLM: --enable-lora --lora-modules NAME=PATH)?"
            )


def check_one_model(argument: str, scores: Mapping[str, Scores]) -> float:
    """Stop if servers of one model serve several.

    Parameters
    ----------
    argument
        That names them.
    scores
        What each gave, by its address.

    Returns
    -------
    float
        How far label log-probabilities of two are apart, at most; 0 where there are none.

    Raises
    ------
    ModelError
        If they are further apart than numbers of low precision explain, or some give none.
    """
    (first, expected), *others = scores.items()
    apart = 0.0
    for address, own in others:
        if all(expected) != all(own):
            gives, gives_none = (first, address) if all(expected) else (address, first)
            raise ModelError(
                f"{argument}: {gives} gives log-probabilities of prompts and {gives_none} gives "
                "none; start all servers of one model in the same way"
            )
        if not all(expected):
            continue
        own_apart = distance(expected, own)
        if own_apart > TOLERANCE["bfloat16"]:
            raise ModelError(
                f"{argument}: {first} and {address} serve two models: their label "
                f"log-probabilities are {own_apart:.3g} apart on {len(own)} probe prompts; name "
                "servers of one model"
            )
        apart = max(apart, own_apart)
    return apart


def check_model_unchanged(name: str, before: Scores, now: Scores) -> None:
    """Stop if a served model is not the one that began the run.

    Raises
    ------
    ModelError
        If its label log-probabilities moved by more than numbers of low precision do. Where there
        are none, nothing can be said.
    """
    if len(before) != len(now) or not (all(before) and all(now)):
        return
    apart = distance(before, now)
    if apart > TOLERANCE["bfloat16"]:
        raise ModelError(
            f"{name}: is not the model that began this run: its label log-probabilities are "
            f"{apart:.3g} apart from then on {len(now)} probe prompts. Serve that model again, or "
            "choose another --out"
        )


def label_scores(engine: Engine, requests: list[Request]) -> Scores:
    """Log-probabilities of every question's labels; none where the engine gives none."""
    for _ in engine.answer(requests):
        pass
    return list_scores(requests)


def list_scores(requests: Sequence[Request]) -> Scores:
    """Log-probabilities of the labels of questions that are answered."""
    return [[r.resps[0][0] for r in request.loglikelihoods if r.resps] for request in requests]
