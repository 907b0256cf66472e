"""What the service costs: pages under readers while uploads go on, a large upload, memory.

    python tests/benchmarks/bench_service.py [--bases 20] [--seconds 60] [--memory-minutes 10]

The record is made once and kept in `bench-data/`; a copy of it is served. Everything, the readers
too, runs on the cores of this machine. `docs/evidence/service.md` is written at full size alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import service_data
from service_figures import Filter, Latency, Memory, Seen, Sent, page_of, text_of
from service_load import Answered
from sqlalchemy import select

from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.database.tables import Comparison, Run
from saeval.evalsuite.service.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
DATA = ROOT / "bench-data"
HERE = Path(__file__).parent
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, HERE, ROOT / "tests/helpers"))),
    "OMP_NUM_THREADS": "1",
}
FULL = 20
UPLOAD_EVERY = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", type=int, default=FULL, help="of fifty runs each")
    parser.add_argument("--seconds", type=float, default=60, help="of each load")
    parser.add_argument("--memory-minutes", type=float, default=10)
    parser.add_argument("--million", type=int, default=1_000_000, help="items of the large run")
    parser.add_argument("--database", help="URL of an empty PostgreSQL database")
    given = parser.parse_args()
    seen = measure(given)
    print(text_of(seen))
    if given.bases == FULL and given.million == 1_000_000 and given.database is None:
        (ROOT / "docs/evidence/service.md").write_text(page_of(seen), encoding="utf-8")


def measure(given: argparse.Namespace) -> Seen:
    """Every figure, on a copy of the record."""
    kept = DATA / f"service-{given.bases}"
    kept.mkdir(parents=True, exist_ok=True)
    service_data.open_record(kept, None, given.bases)
    with tempfile.TemporaryDirectory(dir=DATA) as name:
        folder = Path(name)
        settings = copied(kept, folder, given.database)
        filtered = filter_a_million(settings, given.million)
        pages = pages_of(settings)
        with serving(settings, folder) as (url, token, processes):
            first = view_first(url, token, pages)
            loads = [
                load(url, token, way, given.seconds, pages, folder, uploads=uploads)
                for way, uploads in (("paced", False), ("paced", True), ("closed", True))
            ]
            sent = upload_a_million(url, token, folder, given.million)
            memory = watch_memory(url, token, pages, folder, processes, given.memory_minutes * 60)
    return Seen(given.bases * 50, first, tuple(loads), sent, filtered, memory)


def copied(kept: Path, folder: Path, database: str | None) -> ServiceSettings:
    """The record in a folder of this measurement, restored into PostgreSQL where it is wanted."""
    if database is None:
        shutil.copytree(kept / "record", folder / "record", copy_function=_link)
        return ServiceSettings(data=folder / "record")
    from saeval.evalsuite.service.operations.backup import back_up
    from saeval.evalsuite.service.operations.restore import restore

    service = Service.open(ServiceSettings(data=kept / "record"))
    back_up(service, folder / "backup.tar")
    service.close()
    settings = ServiceSettings(data=folder / "record", database=database)
    restore(settings, folder / "backup.tar")
    return settings


def _link(source: str, target: str) -> None:
    if "/blobs/" in source:
        os.link(source, target)  # files of the record are never changed
    else:
        shutil.copy2(source, target)


@contextmanager
def serving(settings: ServiceSettings, folder: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Address of a server with its jobs process, a token, and the ids of both processes."""
    command = [sys.executable, "-m", "saeval", "serve", "--data", str(settings.data)]
    if settings.database:
        command += ["--database", settings.database]
    token = subprocess.run(
        [*command, "token", "create", "bench", "--scope", "write"],
        env=ENVIRONMENT, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    log = folder / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            [*command, "--port", "0"], env=ENVIRONMENT, stdout=file, stderr=file
        )
    try:
        while "Serving " not in log.read_text():
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
        url = log.read_text().partition("Serving ")[2].partition(";")[0]
        time.sleep(3)  # until the jobs process is there
        yield url, token, [server.pid, *children(server.pid)]
    finally:
        server.terminate()
        server.wait(60)


def children(pid: int) -> list[int]:
    """Ids of the processes that a process has begun."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]


def view_first(url: str, token: str, pages: Sequence[str]) -> Latency:
    """Every page once, one after the other, before it was ever asked for."""
    seen = []
    with httpx.Client(base_url=url, timeout=60) as client:
        for page in dict.fromkeys(pages):
            kind, _, path = page.partition("=")
            begun = time.perf_counter()
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            took = (time.perf_counter() - begun) * 1000
            seen.append(Answered(kind, took, answer.status_code))
    return Latency.of("first", 0, seen)


def pages_of(settings: ServiceSettings) -> list[str]:
    """Home, the lineage of every base, and one comparison of each, as often as one another."""
    service = Service.open(settings)
    with service.database.reading() as session:
        models = session.scalars(select(Run.model_id).where(Run.recipe.is_(None))).all()
        firsts = {row.base_id: row.id for row in session.scalars(select(Comparison))}
    service.close()
    lineages = [f"lineage=/models/{model}" for model in models]
    comparisons = [f"comparison=/comparisons/{each}" for each in firsts.values()]
    return ["home=/"] * len(lineages) + lineages + comparisons


def load(
    url: str, token: str, way: str, seconds: float, pages: Sequence[str], folder: Path, *,
    uploads: bool,
) -> Latency:  # fmt: skip
    """What twenty readers see, with or without an uploader beside them."""
    run = [sys.executable, str(HERE / "service_load.py")]
    readers = [*run, "read", url, token, str(seconds), way, *pages]
    uploader = [*run, "upload", url, token, str(seconds), str(UPLOAD_EVERY), str(folder)]
    processes = [
        subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        for command in ([readers, uploader] if uploads else [readers])
    ]
    seen = [
        Answered(*json.loads(line))
        for process in processes
        for line in process.communicate()[0].splitlines()
    ]
    assert all(process.returncode == 0 for process in processes)
    return Latency.of(way, seconds, seen)


def upload_a_million(url: str, token: str, folder: Path, n_items: int) -> Sent:
    """`saeval push` of one run, until it is there, and until it is checked and can be compared."""
    from saeval import Client

    model = service_data.Model(98, "million", n_items)
    files = service_data.write_run(folder / "million", model, n_items)
    size = sum(path.stat().st_size for path in files.values())
    begun = time.perf_counter()
    with Client(url, token) as client:
        info = client.upload_run(files, model.name)
        sent = time.perf_counter() - begun
        ready = client.wait_for(info)
    assert ready.state == "ready", ready
    return Sent(n_items, size, sent, time.perf_counter() - begun)


def filter_a_million(settings: ServiceSettings, n_items: int) -> Filter:
    """Filters over the items of one comparison, as the item browser asks them."""
    from service_filter import time_filters

    return time_filters(DATA / f"items-{n_items}.parquet", n_items)


def watch_memory(
    url: str, token: str, pages: Sequence[str], folder: Path, processes: list[int], seconds: float
) -> Memory:
    """Resident memory of both processes under the paced load, and how fast it grows."""
    done = threading.Event()
    rows: list[tuple[float, ...]] = []

    def watch() -> None:
        begun = time.monotonic()
        while not done.wait(2):
            rows.append((time.monotonic() - begun, *(_resident(pid) for pid in processes)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        load(url, token, "paced", seconds, pages, folder, uploads=True)
    finally:
        done.set()
        watcher.join()
    table = np.array(rows)
    late = table[table[:, 0] > seconds / 4]  # what is kept at first has filled by then
    slopes = [float(np.polyfit(late[:, 0] / 3600, late[:, n], 1)[0]) for n in (1, 2)]
    return Memory(
        seconds / 60,
        tuple(float(late[0, n]) for n in (1, 2)),
        tuple(float(late[-1, n]) for n in (1, 2)),
        tuple(slopes),
    )


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
