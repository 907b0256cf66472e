"""The items of one source: apart from what is evaluated, and just hard enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from saeval.errors import DataError
from saeval.tasks.data.fingerprint import Fingerprint, fingerprint_item, make_item_key
from saeval.tasks.data.loading import find_source_task, load_items
from saeval.tasks.data.sampling import sample_items
from saeval.tasks.registry import get_task
from saeval.tasks.task import EVALUATED_SPLIT, MixedSource
from saeval.tasks.types import Item
from saeval.trainer.data.holdout import Holdout
from saeval.trainer.data.profile import Profile, filter_by_pass_rate
from saeval.trainer.data.rows import TrainingRow, make_training_row
from saeval.trainer.recipe.data_settings import DataSource, PromptSettings

REASONS = {
    "held out": "held out for evaluation",
    "id": "evaluated, by id",
    "text": "evaluated, by wording",
    "cluster": "in a cluster or page that is evaluated",
    "in another source": "taken by an earlier source",
    "not profiled": "not in the profile",
    "filtered": "too easy or too hard by the filter",
}
"""Why a document is passed over."""


@dataclass(frozen=True)
class SelectedItem:
    """An item of a source.

    Attributes
    ----------
    row, identity
        What is trained on, and how it is recognised.
    pass_rate
        Of the base's samples, by the profile; None without one.
    """

    row: TrainingRow
    identity: Fingerprint
    pass_rate: float | None


@dataclass
class ItemSelector:
    """Chooses the items of one source after the other.

    Parameters
    ----------
    prompt
        How items are asked.
    holdout
        What must not be trained on.
    seed
        Of the order.
    data_dir
        Folder of local data.
    profile
        What the base knows, if the recipe has a profile.
    """

    prompt: PromptSettings
    holdout: Holdout
    seed: int
    data_dir: str | None = None
    profile: Profile | None = None
    _taken: set[str] = field(default_factory=set)
    _documents: dict[tuple[str, str], list[Item]] = field(default_factory=dict)

    def select(self, number: int, source: DataSource) -> tuple[list[SelectedItem], Counter[str]]:
        """The items of a source in seeded order, and how many were passed over and why.

        Raises
        ------
        DataError
            If its data cannot be loaded, or fewer items are left than asked for.
        """
        task = get_task(source.task)
        documents = self._load(source)
        dropped = Counter[str]()
        identities: dict[str, Fingerprint] = {}
        keep = self._keep(source, identities, dropped)
        try:
            if source.filter is None:
                items = self._sample(source, documents, source.per_label, source.count, keep)
            else:
                hard = self._filter_documents(source, documents, keep, dropped)
                items = self._sample(source, hard, source.per_label, source.count, None)
            if not items or (source.count is not None and len(items) < source.count):
                raise DataError(
                    f"{source.count or 'some'} items asked for, only {len(items)} exist"
                )
        except DataError as error:
            passed_over = "".join(f"; {n} are {REASONS[reason]}" for reason, n in dropped.items())
            where = f"data.sources.{number} (task {source.task}, split {source.split})"
            raise DataError(f"{where}: {error}{passed_over}") from error
        chosen = []
        for item in items:
            row, key = make_training_row(task, item, self.prompt), make_item_key(task, item.id)
            share = None if self.profile is None else self.profile.pass_rate(key)
            if self.profile is not None and share is not None:
                self.profile.check_row(key, row)
            chosen.append(SelectedItem(row, identities[item.id], share))
        self._taken.update(item.identity.id for item in chosen)
        return chosen, dropped

    def list_candidates(self, source: DataSource, times: int) -> list[tuple[str, TrainingRow]]:
        """Rows that a filter could choose from, by key: so many times what a source asks for.

        As many as there are, where there are fewer.
        """
        task = get_task(source.task)
        documents = self._load(source)
        keep = self._keep(source, {}, Counter())
        if source.per_label is None:
            most = source.filter.top_by_variance if source.filter else None
            count_asked = source.count or most
            count = None if count_asked is None else times * count_asked
            items = self._sample(source, documents, None, count, keep)
        else:
            items = []
            for label, number in source.per_label.items():
                of_label = [item for item in documents if item.target == label]
                items += self._sample(source, of_label, None, times * number, keep)
        return [(make_item_key(task, i.id), make_training_row(task, i, self.prompt)) for i in items]

    def _load(self, source: DataSource) -> list[Item]:
        key = (source.task, source.split)
        if key not in self._documents:
            task = get_task(source.task)
            self._documents[key] = load_items(task, self.data_dir, split=source.split)
        return self._documents[key]

    def _keep(
        self, source: DataSource, identities: dict[str, Fingerprint], dropped: Counter[str]
    ) -> Callable[[Item], bool]:
        """Whether an item may be trained on; notes who it is, or why it may not."""
        task = get_task(source.task)

        def keep(item: Item) -> bool:
            fingerprint = identities[item.id] = fingerprint_item(task, item.as_row())
            reason = self.holdout.find_overlap(fingerprint)
            if reason == "id" and source.split == EVALUATED_SPLIT:
                reason = "held out"
            elif reason is None and fingerprint.id in self._taken:
                reason = "in another source"
            if reason is not None:
                dropped[reason] += 1
            return reason is None

        return keep

    def _filter_documents(
        self,
        source: DataSource,
        documents: Sequence[Item],
        keep: Callable[[Item], bool],
        dropped: Counter[str],
    ) -> list[Item]:
        if self.profile is None or source.filter is None:
            raise DataError(
                "`filter` needs to know what the base answers rightly: make a profile with "
                "`satrain profile RECIPE --base MODEL --out FILE` and give data.profile=FILE"
            )
        task = get_task(source.task)
        shares: dict[str, float] = {}
        for item in documents:
            share = self.profile.pass_rate(make_item_key(task, item.id))
            if share is None:
                dropped["not profiled"] += 1
            elif keep(item):
                shares[item.id] = share
        known = [item for item in documents if item.id in shares]
        order = self._sample(source, known, None, None, None)
        hard = filter_by_pass_rate(order, lambda item: shares[item.id], source.filter)
        dropped["filtered"] += len(known) - len(hard)
        return hard

    def _sample(
        self,
        source: DataSource,
        documents: Sequence[Item],
        per_label: Mapping[str, int] | None,
        limit: int | None,
        keep: Callable[[Item], bool] | None,
    ) -> list[Item]:
        mixed = isinstance(get_task(source.task).source, MixedSource)
        part = find_source_task if mixed else None
        return sample_items(
            documents, seed=self.seed, per_label=per_label, limit=limit, group_of=part, accept=keep
        )
