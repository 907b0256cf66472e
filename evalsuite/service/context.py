"""What every request and job works with: the database, the files and the settings."""

from __future__ import annotations

from dataclasses import dataclass

from saeval.evalsuite.service.blobs import BlobStore
from saeval.evalsuite.service.database.connect import Database
from saeval.evalsuite.service.database.schema import upgrade
from saeval.evalsuite.service.settings import ServiceSettings
from saeval.files import make_folder


@dataclass(frozen=True)
class Service:
    """The database, the files and the settings of a record."""

    settings: ServiceSettings
    database: Database
    blobs: BlobStore

    @classmethod
    def open(cls, settings: ServiceSettings) -> Service:
        """Open a record, making or upgrading its tables first."""
        for folder in (settings.data, settings.uploads, settings.cache):
            make_folder(folder)
        settings.data.chmod(0o700)
        database = Database(settings.database_url)
        upgrade(database)
        return cls(settings, database, BlobStore(settings.blobs_url, settings.cache))

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
