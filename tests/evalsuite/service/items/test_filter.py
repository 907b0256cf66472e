"""Filters as values and as addresses."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from filters import filters
from hypothesis import given

from saeval.errors import InputError
from saeval.evalsuite.service.items.filter import Band, ItemFilter


@given(filters())
def test_an_address_says_the_filter_and_nothing_else(wanted: ItemFilter) -> None:
    query = wanted.to_query()
    assert ItemFilter.from_query(parse_qsl(query, keep_blank_values=True)) == wanted
    assert query.isascii()
    paged = parse_qsl(wanted.to_query(page=3))
    assert paged == [*parse_qsl(query), ("page", "3")]


def test_what_is_left_empty_or_is_of_others_says_nothing() -> None:
    query = "task=&base=&base_min=&checkpoint_min=+&q=&page=7&utm=x&sort="
    assert ItemFilter.from_query(parse_qsl("task=&base=&page=7&utm=x&sort=&q=")) == ItemFilter()
    with pytest.raises(InputError, match="`checkpoint_min` must be a number from 0 to 1"):
        ItemFilter.from_query(parse_qsl(query, keep_blank_values=True))


def test_the_last_of_several_values_counts_but_outcomes_add_up() -> None:
    query = [("task", "a"), ("task", "b"), ("base", "wrong"), ("base", "right"), ("base", "wrong")]
    wanted = ItemFilter(task="b", base=("right", "wrong"))
    assert ItemFilter.from_query(query) == wanted


def test_confidence_bands_are_written_in_full() -> None:
    wanted = ItemFilter(base_confidence=Band(0.1 + 0.2, 1), checkpoint_confidence=Band(high=0.0))
    assert wanted.to_query() == ("base_min=0.30000000000000004&base_max=1.0&checkpoint_max=0.0")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("base=rigth", "`base` has no value 'rigth'; did you mean right?"),
        ("sort=response", "`sort` has no value"),
        ("sort=--item", "`sort` has no value '-item'"),
        ("sort=-", "`sort` has no value ''"),
        ("trained_on=maybe", "`trained_on` has no value"),
        ("base_min=nan", "`base_min` must be a number from 0 to 1, found 'nan'"),
        ("base_max=1e999", "`base_max` must be a number from 0 to 1"),
        ("base_min=0x1", "`base_min` must be a number from 0 to 1"),
        ("checkpoint_max=-0.1", "`checkpoint_max` must be a number from 0 to 1"),
        ("base_min=.9&base_max=.1", "`base_min` must not be above `base_max`, found 0.9 and 0.1"),
        ("changed=yes", "`changed` must be 1 or left out, found 'yes'"),
        ("base_missing=0", "`base_missing` must be 1 or left out"),
        ("q=" + "x" * 201, "`q` must have at most 200 characters, found 201"),
        ("cluster=" + "x" * 2001, "`cluster` must have at most 2000 characters"),
    ],
)
def test_a_value_that_is_none_is_refused(query: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        ItemFilter.from_query(parse_qsl(query))
    assert message in str(raised.value)
