"""The item browser over HTTP: lists, items, links, exports, and hostile texts."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from comparisons import HOSTILE
from fastapi.testclient import TestClient
from filters import selected
from markup import Markup
from paired_items import compared, generated, of_scores, of_several_tasks
from pyarrow import parquet

import saeval
from saeval.evalsuite.client.wire import ComparisonOptions
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison
from saeval.evalsuite.service.items.filter import ItemFilter
from saeval.evalsuite.service.jobs.comparing import compute_comparison
from saeval.evalsuite.service.pages.item_filters import presets
from saeval.evalsuite.service.record.comparisons import create_comparison, finish_comparison
from saeval.evalsuite.service.record.ingest import check_run
from saeval.evalsuite.store.texts import encodable
from saeval.progress import SILENT
from saeval.terminal_text import printable

from ..compared_items import keep_comparison
from ..pushed import answered_run, push


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> saeval.Comparison:
    return of_several_tasks(tmp_path_factory.mktemp("made"))


@pytest.fixture
def items(service: Service, made: saeval.Comparison) -> str:
    return f"/comparisons/{keep_comparison(service, made)}/items"


def show(http: TestClient, address: str, status: int = 200) -> Markup:
    answer = http.get(address)
    assert answer.status_code == status, answer.text
    page = Markup(answer.text)
    page.check_inert()
    return page


def numbers(page: Markup, items: str) -> list[int]:
    """Those of the items in a list, in their order."""
    paths = [urlsplit(link).path for link in page.links]
    ids = [path.removeprefix(f"{items}/") for path in paths if path.startswith(f"{items}/")]
    return [int(own) for own in ids]


def test_every_link_of_both_pages_leads_somewhere(http: TestClient, items: str) -> None:
    seen: set[str] = set()
    for address in (items, f"{items}?was=NA&base=wrong&q=river", f"{items}/5?was=NA&sort=-item"):
        for link in show(http, address).links:
            path = urlsplit(link).path
            if link in seen or not path.startswith(items):
                continue
            seen.add(link)
            answer = http.get(link)
            assert answer.status_code in (200, 303), (link, answer.text)
    assert len(seen) > 60


def test_a_filter_shows_its_items_and_its_form_says_so(
    http: TestClient, items: str, service: Service
) -> None:
    query = "task=fever&was=NA&checkpoint=wrong&checkpoint=invalid&base_max=0.95&sort=-item"
    wanted = ItemFilter.from_query(parse_qsl(query))
    with service.database.reading() as session:
        row = session.get(Comparison, items.split("/")[2])
        assert row is not None
        path = service.blobs.local(row.files["items.parquet"])
    right = selected(parquet.read_table(path).to_pylist(), wanted)
    page = show(http, f"{items}?{query}")
    assert right
    assert numbers(page, items) == [row["number"] for row in right]
    assert f"{len(right)} of 90" in page.all("span", class_="count")[0].text
    # What the form sends when it is sent as it stands is the same filter.
    sent = []
    for field in page.all("input"):
        own = field.attributes
        if own.get("type") != "checkbox" or "checked" in own:
            sent.append((own["name"], own.get("value", "")))
    for element in page.elements:
        if element.name == "select":
            name = element.attributes["name"]
        if element.name == "option" and "selected" in element.attributes:
            sent.append((name, element.attributes.get("value", element.text)))
    assert ItemFilter.from_query(pair for pair in sent if pair[0] != "csrf") == wanted
    chips = [chip.text for chip in page.all("ul", class_="chips")]
    assert "was NA" in chips[0]
    assert "checkpoint wrong or invalid" in chips[0]


def test_cells_lead_to_as_many_items_as_they_say(http: TestClient, items: str) -> None:
    page = show(http, f"{items}?base_min=0.5")
    cells = [
        link
        for link in page.all("a")
        if {"was", "now"} <= dict(parse_qsl(urlsplit(link.attributes["href"]).query)).keys()
    ]
    total = 0
    for cell in cells:
        count = cell.text.split()[0].removesuffix("items")
        found = show(http, cell.attributes["href"])
        assert found.all("span", class_="count")[0].text.split()[0] == count
        assert len(found.all("a", **{"aria-current": "true"})) >= 1
        total += int(count)
    assert len(cells) > 8
    assert page.all("span", class_="count")[0].text == f"{total} of 90"


def test_next_leads_through_the_whole_selection_and_previous_back(
    http: TestClient, items: str
) -> None:
    query = "now=PASS&sort=-checkpoint_confidence"
    listed = numbers(show(http, f"{items}?{query}"), items)
    for rel, expected in (("next", listed), ("prev", listed[::-1])):
        walked = [expected[0]]
        address: str | None = f"{items}/{expected[0]}?{query}"
        while address:
            page = show(http, address)
            place = listed.index(walked[-1]) + 1
            assert f"{place} of {len(listed)}" in page.content
            assert f"{items}?{query}" in page.links
            beside = page.all("a", rel=rel)
            address = beside[0].attributes["href"] if beside else None
            if address:
                walked.append(int(urlsplit(address).path.rpartition("/")[2]))
        assert walked == expected
    outside = next(number for number in range(90) if number not in listed)
    assert "not in this selection" in show(http, f"{items}/{outside}?{query}").content


def test_pages_of_a_list_have_every_item_once(
    http: TestClient, items: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[int] = []
    address: str | None = f"{items}?sort=-base_confidence"
    while address:
        page = show(http, address)
        walked += numbers(page, items)
        beside = [a for a in page.all("a", rel="next") if "page=" in a.attributes["href"]]
        address = beside[0].attributes["href"] if beside else None
    assert sorted(walked) == list(range(90))
    assert numbers(show(http, f"{items}?page=99999"), items) == list(range(50, 90))


def test_both_responses_stand_whole_with_their_differences(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    base, checkpoint = generated(3, 9)
    texts = "It is\nnot <b>so</b> & that is all", "It was\nnot <b>so</b> & that is \x1b[31mall"
    base[4] = base[4].model_copy(update={"response": texts[0]})
    checkpoint[4] = checkpoint[4].model_copy(update={"response": texts[1]})
    made = keep_comparison(service, compared(tmp_path, base, checkpoint))
    page = show(http, f"/comparisons/{made}/items/4")
    assert [pre.text for pre in page.all("pre")] == [printable(text) for text in texts]
    assert [own.text.strip() for own in page.all("del")][1:] == ["is", "all"]
    assert [own.text.strip() for own in page.all("ins")][1:] == ["was", "\ufffd[31mall"]


def test_texts_of_an_attacker_stay_texts(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    text = encodable(HOSTILE)
    base, checkpoint = generated(6, 12)
    change = {
        "response": text,
        "item_id": f"../{text}?was=NA",
        "cluster_id": text,
        "document": base[3].document.model_copy(
            update={"claim": text, "evidence": (text,), "answers": (text,)}
        ),
    }
    base[3] = base[3].model_copy(update=change)
    checkpoint[3] = checkpoint[3].model_copy(update={**change, "response": f"{text} too"})
    names = (text.replace("\0", ""), 'x"\r\nSet-Cookie: a=b')  # PostgreSQL takes no NUL
    made = keep_comparison(service, compared(tmp_path, base, checkpoint), names=names)
    items = f"/comparisons/{made}/items"
    one = show(http, f"{items}/3")
    several = show(http, items)
    for page in (one, several):
        assert "alert(1)</script>" not in page.content
        assert "\x1b" not in page.content
        assert "\u202e" not in page.content
    for link in [*one.links, *several.links]:
        if link.startswith(f"{items}/find"):
            assert http.get(link).headers["location"] == f"{items}/3"
        if "cluster=" in link:
            assert numbers(show(http, link), items) == [3]
    for query in ({"q": text[:200]}, {"cluster": text}, {"task": text}, {"was": text}):
        show(http, f"{items}?{ItemFilter.from_query(query.items()).to_query()}")
    disposition = http.get(f"{items}.csv").headers["content-disposition"]
    assert disposition.isascii()
    assert set(disposition) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789.;=\"_- ")  # fmt: skip


def test_a_selection_is_exported(http: TestClient, items: str) -> None:
    query = "task=vitaminc&now=NA"
    listed = sorted(numbers(show(http, f"{items}?{query}"), items))
    lines = http.get(f"{items}.jsonl?{query}")
    assert [json.loads(line)["number"] for line in lines.text.splitlines()] == listed
    table = http.get(f"{items}.csv?{query}")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.headers["content-disposition"].startswith('attachment; filename="items-base-run-')
    assert http.get(f"{items}.parquet?{query}").content[:4] == b"PAR1"
    assert http.get(f"{items}.exe").status_code == 422


def test_scores_alone_have_no_cells_and_show_their_scores(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    made = keep_comparison(service, of_scores(tmp_path))
    page = show(http, f"/comparisons/{made}/items?sort=-score_change")
    assert not page.all("table", class_="cells")
    assert len(numbers(page, f"/comparisons/{made}/items")) == 20
    assert "Score" in show(http, f"/comparisons/{made}/items/0").content


@pytest.mark.parametrize(
    ("tail", "status", "message"),
    [
        ("/90", 404, "no item 90; there are 90, numbered from 0"),
        ("/-1", 422, ""),
        ("/9" + "9" * 40, 422, ""),
        ("/x", 422, ""),
        ("?base_min=2", 422, "`base_min` must be a number from 0 to 1"),
        ("?base=rigth", 422, "did you mean right?"),
        ("/3?changed=yes", 422, "`changed` must be 1 or left out"),
        ("?page=0", 422, ""),
        ("?page=x", 422, ""),
        ("/find?task=fever&item=nothing", 404, "no item"),
        ("/find?item=nothing", 422, ""),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(
    http: TestClient, items: str, tail: str, status: int, message: str
) -> None:
    assert message in Markup(show(http, items + tail, status).content).all("main")[0].text


def test_items_that_are_not_there_yet_or_no_longer_are_not_found(
    http: TestClient, service: Service, items: str
) -> None:
    assert "there is no comparison" in show(http, "/comparisons/unknown000/items", 404).content
    comparison_id = items.split("/")[2]
    with service.database.reading() as session:
        row = session.get(Comparison, comparison_id)
        assert row is not None
        sha256 = row.files["items.parquet"]
    show(http, items)
    service.blobs.remove(sha256)
    assert "no longer kept" in show(http, f"{items}?page=1", 404).content
    for state, why in (("running", "it is running"), ("ready", "were not at hand")):
        with service.database.writing() as session:
            row = session.get(Comparison, comparison_id)
            assert row is not None
            row.files, row.state = {}, state
        assert why in show(http, items, 404).content


def test_a_comparison_that_the_record_computes_has_its_items(
    http: TestClient, service: Service, tmp_path: Path
) -> None:
    runs = {}
    for name, accuracy in (("base", 0.4), ("checkpoint", 0.8)):
        runs[name] = push(service, answered_run(tmp_path, name, accuracy=accuracy, items=60))
        check_run(service, runs[name])
    options = ComparisonOptions(n_resamples=100)
    with service.database.writing() as session:
        row, _ = create_comparison(session, runs["base"], runs["checkpoint"], options, "tester")
        comparison_id = row.id
    computed = compute_comparison(service, comparison_id, SILENT)
    with service.database.writing() as session:
        finish_comparison(session, comparison_id, computed)
    items = f"/comparisons/{comparison_id}/items"
    fixed = show(http, f"{items}?task=fever&base=wrong&checkpoint=right")
    assert fixed.all("table", class_="cells")
    numbered = numbers(fixed, items)
    assert numbered
    page = show(http, f"{items}/{numbered[0]}")
    assert [pre.text[:6] for pre in page.all("pre")] == ["LABEL="] * 2
    assert items in show(http, f"/comparisons/{comparison_id}").links


def test_without_a_token_nothing_is_shown(http: TestClient, items: str) -> None:
    http.headers.pop("authorization")
    for tail in ("", "/3", ".csv", ".parquet", "/find?task=fever&item=item-001"):
        answer = http.get(items + tail)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/signin")


def test_questions_are_filters_of_the_present_task() -> None:
    chosen = presets(ItemFilter(task="fever", changed=True))
    assert [own.name for own in chosen if own.is_chosen] == ["Changed"]
    assert all("task=fever" in own.value for own in chosen)
