"""``saeval view``: the pages of finished folders, as long as the command runs."""

from __future__ import annotations

import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import uvicorn

from saeval.evalsuite.service.app import create_app
from saeval.evalsuite.service.context import Service
from saeval.evalsuite.service.security.access import open_sign_in
from saeval.evalsuite.service.security.server_options import uvicorn_options
from saeval.evalsuite.service.server import listen
from saeval.evalsuite.service.settings import ServiceSettings
from saeval.evalsuite.service.view.folders import WHO, show_folders
from saeval.progress import SILENT, Progress
from saeval.terminal_text import one_line

_HOST = "127.0.0.1"


def view(
    folders: Sequence[Path],
    *,
    port: int = 0,
    browser: bool = True,
    progress: Progress = SILENT,
) -> None:
    """Show finished folders in the browser until a signal ends it; nothing is written to them.

    Parameters
    ----------
    folders
        See `saeval.evalsuite.service.view.folders.show_folders`.
    port
        To listen on, on this machine alone; 0 for any that is free.
    browser
        Whether to open one.
    progress
        Receives progress.

    Raises
    ------
    InputError
        If a folder holds nothing that can be shown, or the port is taken.
    """
    with ExitStack() as opened:
        listening = opened.enter_context(listen(_HOST, port))
        data = Path(tempfile.mkdtemp(prefix="saeval-view-"))
        opened.callback(shutil.rmtree, data, ignore_errors=True)
        settings = ServiceSettings(
            data=data, host=_HOST, port=listening.getsockname()[1], read_only=True
        )
        service = Service.open(settings)
        opened.callback(service.close)
        shown = show_folders(service, folders, progress)
        for note in shown.notes:
            progress.log(f"not shown: {one_line(note)}")
        with service.database.writing() as session:
            link = open_sign_in(session, "link", WHO, "read")
        page = shown.pages[0] if len(shown.pages) == 1 else "/"
        address = f"{settings.url}/signin?{urlencode({'link': link, 'to': page})}"
        print(f"Open {address}\nEnd with Ctrl-C.", flush=True)
        if browser and sys.stdout.isatty():
            webbrowser.open(address)
        config = uvicorn.Config(create_app(service), **uvicorn_options(settings))
        uvicorn.Server(config).run(sockets=[listening])
