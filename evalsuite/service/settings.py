"""Where a record is kept and how it is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saeval.evalsuite.client.wire import Scope

DEFAULT_PORT = 8500


@dataclass(frozen=True)
class Limits:
    """What a client may ask of the server.

    Attributes
    ----------
    body_bytes
        Of a request that is no part of an upload.
    part_bytes
        Of one part of an upload.
    blob_bytes
        Of one uploaded file.
    run_answers
        Of one run.
    check_bytes, check_seconds
        Of memory and time for the process that checks a run.
    body_seconds
        Until the body of a request must have come; a part of an upload has as long for each of
        its MiB.
    requests_per_minute
        Of one token or session; of one address without either, a tenth.
    sign_ins_per_minute
        Attempts of one address.
    header_bytes
        Of the first line of a request with its headers.
    header_seconds
        Until they must have come.
    connections
        At once.
    """

    body_bytes: int = 2**20
    part_bytes: int = 32 * 2**20
    blob_bytes: int = 16 * 2**30
    run_answers: int = 10_000_000
    check_bytes: int = 8 * 2**30
    check_seconds: float = 900.0
    body_seconds: float = 20.0
    requests_per_minute: int = 6000
    sign_ins_per_minute: int = 10
    header_bytes: int = 16 * 2**10
    header_seconds: float = 10.0
    connections: int = 500


@dataclass(frozen=True)
class ServiceSettings:
    """Where a record is kept and how it is served.

    Attributes
    ----------
    data
        Folder of everything that is not in the database or at `blobs`.
    database
        SQLAlchemy's URL; None for a SQLite file in `data`.
    blobs
        URL that fsspec can write to, for files named by their content; None for a folder in `data`.
    host, port
        Where it listens.
    public_url
        As users reach it, for links; None for ``http://host:port``.
    proxy_user_header
        Header in which a reverse proxy names the user that it signed in; None: no header is
        believed.
    proxy_scope
        What such a user may do.
    proxies
        Addresses or networks of reverse proxies on other machines. One on this machine is believed
        where `proxy_user_header` or `public_url` says that there is one.
    read_only
        Whether nothing can be written, as for ``saeval view``.
    lease_seconds
        After which the evaluation of a worker that was not heard of is given to the next one.
    evaluation_attempts
        How many workers in a row may fail an evaluation, or vanish, without an answer.
    """

    data: Path
    database: str | None = None
    blobs: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    public_url: str | None = None
    proxy_user_header: str | None = None
    proxy_scope: Scope = "gate"
    proxies: tuple[str, ...] = ()
    read_only: bool = False
    limits: Limits = Limits()
    lease_seconds: float = 60.0
    evaluation_attempts: int = 5

    @property
    def database_url(self) -> str:
        """Of the record's tables."""
        return self.database or f"sqlite:///{self.data.resolve() / 'record.sqlite'}"

    @property
    def jobs_url(self) -> str:
        """Of the tables in which jobs are kept by DBOS."""
        return self.database or f"sqlite:///{self.data.resolve() / 'jobs.sqlite'}"

    @property
    def blobs_url(self) -> str:
        """Of the store of files."""
        return self.blobs or str(self.data.resolve() / "blobs")

    @property
    def uploads(self) -> Path:
        """Folder of files whose upload is not finished, and of evaluations under way."""
        return self.data / "uploads"

    @property
    def cache(self) -> Path:
        """Folder of local copies of files; it may be emptied at any time."""
        return self.data / "cache"

    @property
    def log(self) -> Path:
        """Folder of what the server's operator should know, such as tracebacks."""
        return self.data / "log"

    @property
    def url(self) -> str:
        """As users reach it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")
