"""Files that unpack to more than there is, or take too long, end a process and no more."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from builders import prediction
from pyarrow import parquet

from saeval.errors import InputError
from saeval.evalsuite.client.wire import RunUpload
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.record.confined import run_confined
from saeval.evalsuite.service.record.ingest import check_run
from saeval.evalsuite.service.record.runs import create_run, find_run
from saeval.evalsuite.service.record.uploads import keep_file
from saeval.evalsuite.service.settings import Limits
from saeval.evalsuite.store.parquet_predictions import write_rows
from saeval.evalsuite.store.parquet_rows import SCHEMA, rows_of


def confined(function, *arguments, max_bytes=2**31, seconds=30.0):
    return run_confined(
        function, arguments, preload=["numpy"], max_bytes=max_bytes, seconds=seconds
    )


def end_itself(number: int) -> None:
    os.kill(os.getpid(), number)


def refuse() -> None:
    raise InputError("it is bad")


def test_what_is_returned_comes_back() -> None:
    assert confined(max, [1, 3, 2]) == 3


def test_whatever_ends_the_process_is_one_sentence() -> None:
    with pytest.raises(InputError, match="it is bad"):
        confined(refuse)
    with pytest.raises(InputError, match="unpacks to more than the 2 GiB"):
        confined(np.ones, 2**30)
    with pytest.raises(InputError, match="unpacks to more"):
        confined(end_itself, signal.SIGKILL)
    with pytest.raises(InputError, match="ended the process that did"):
        confined(end_itself, signal.SIGSEGV)
    with pytest.raises(RuntimeError, match="ended with the code 3"):
        confined(os._exit, 3)
    begun = time.monotonic()
    with pytest.raises(InputError, match="longer than 1 seconds"):
        confined(time.sleep, 60, seconds=1)
    assert time.monotonic() - begun < 20
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        confined(divmod, 1, 0)


def bomb(path: Path, column: str, rows: int = 2**16, size: int = 2**22) -> Path:
    """A file of a few megabytes whose column unpacks to hundreds of gigabytes."""
    table = rows_of([prediction(0, cluster_id="c")]).take(pa.array(np.zeros(rows, dtype=int)))
    long = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(rows, dtype=np.int32)), pa.array(["x" * size])
    )
    ids = pa.array([f"item-{number}" for number in range(rows)])
    table = table.set_column(SCHEMA.get_field_index("item_id"), "item_id", ids)
    table = table.set_column(SCHEMA.get_field_index(column), column, long)
    parquet.write_table(table, path, compression="zstd", row_group_size=rows)
    assert path.stat().st_size < 2**23
    return path


def test_more_answers_than_a_run_may_have_are_refused(service: Service, tmp_path: Path) -> None:
    service = replace(service, settings=replace(service.settings, limits=Limits(run_answers=5)))
    write_rows(tmp_path / "run.parquet", [rows_of([prediction(number) for number in range(6)])])
    file = keep_file(service, tmp_path / "run.parquet", "somebody")
    upload = RunUpload(name="large", files={"predictions/fever.parquet": file})
    info, _ = create_run(service, upload, "somebody")
    check_run(service, info.id)
    with service.database.reading() as session:
        assert find_run(session, info.id).reason == "a run may have 5 answers; this one has more"


@pytest.mark.parametrize("column", ["item_id", "cluster_id", "target", "target_hash", "response"])
def test_a_bomb_of_parquet_is_refused(service: Service, tmp_path: Path, column: str) -> None:
    limits = Limits(check_bytes=2**31, check_seconds=120)
    service = replace(service, settings=replace(service.settings, limits=limits))
    file = keep_file(service, bomb(tmp_path / "bomb.parquet", column), "somebody")
    upload = RunUpload(name="bomb", files={"predictions/fever.parquet": file})
    info, _ = create_run(service, upload, "somebody")
    check_run(service, info.id)
    with service.database.reading() as session:
        run = find_run(session, info.id)
    assert run.state == "refused"
    assert run.reason is not None
    assert "unpacks to more than" in run.reason
    assert str(service.settings.data) not in run.reason
    assert [*(service.settings.cache / "checks").iterdir()] == []
