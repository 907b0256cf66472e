"""``python -m saeval.evalsuite.service.jobs``, as the server starts it."""

import os

os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from saeval.evalsuite.service.jobs.process import main

if __name__ == "__main__":
    main()
