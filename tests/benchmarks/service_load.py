"""Readers and an uploader of a server, as processes of their own; what they saw, as JSON lines.

python service_load.py read URL TOKEN SECONDS paced|closed PAGE…
python service_load.py upload URL TOKEN SECONDS EVERY FOLDER
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx
from service_data import Model, write_run

N_READERS = 20
SECONDS_BETWEEN = 1.0


class Answered(NamedTuple):
    """One request: kind of page, milliseconds until the whole page was there, status."""

    kind: str
    milliseconds: float
    status: int


async def read(url: str, token: str, seconds: float, way: str, pages: list[str]) -> list[Answered]:
    """What twenty readers see: each clicks once a second, or as soon as a page is there."""
    seen: list[Answered] = []
    end = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=N_READERS, max_keepalive_connections=N_READERS)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=60
    ) as client:

        async def reader(number: int) -> None:
            rng = random.Random(number)
            due = time.monotonic() + rng.random() * SECONDS_BETWEEN
            while due < end:
                if way == "paced":
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                kind, _, path = rng.choice(pages).partition("=")
                begun = time.perf_counter()
                answer = await client.get(path)
                took = (time.perf_counter() - begun) * 1000
                seen.append(Answered(kind, took, answer.status_code))
                # A reader that had to wait is late, and does not ask twice to catch up.
                due = max(due + SECONDS_BETWEEN, time.monotonic())
                if way == "closed":
                    due = time.monotonic()

        await asyncio.gather(*(reader(number) for number in range(N_READERS)))
    return seen


def upload(url: str, token: str, seconds: float, every: float, folder: Path) -> list[Answered]:
    """Sends new runs of a thousand items, one every so many seconds."""
    seen: list[Answered] = []
    end, number = time.monotonic() + seconds, int(time.time())
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        while time.monotonic() < end:
            due = time.monotonic() + every
            number += 1
            files = write_run(folder / "upload", Model(99, "uploaded", number))
            begun = time.perf_counter()
            status = _push(client, f"uploaded-{number}", files)
            seen.append(Answered("upload", (time.perf_counter() - begun) * 1000, status))
            time.sleep(max(0.0, due - time.monotonic()))
    return seen


def _push(client: httpx.Client, name: str, files: dict[str, Path]) -> int:
    hashes = {}
    for path, file in files.items():
        content = file.read_bytes()
        hashes[path] = sha256 = hashlib.sha256(content).hexdigest()
        sent = {"Upload-Offset": "0", "Upload-Length": str(len(content))}
        answer = client.patch(f"/api/blobs/{sha256}", content=content, headers=sent)
        if answer.status_code != 201:
            return answer.status_code
    return client.post("/api/runs", json={"name": name, "files": hashes}).status_code


def main() -> None:
    kind, url, token, seconds, how, *rest = sys.argv[1:]
    if kind == "read":
        seen = asyncio.run(read(url, token, float(seconds), how, rest))
    else:
        seen = upload(url, token, float(seconds), float(how), Path(rest[0]))
    for each in seen:
        print(json.dumps(each))


if __name__ == "__main__":
    main()
