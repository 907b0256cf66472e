"""``python -m saeval``: the ``saeval`` command."""

from saeval.entry import saeval

if __name__ == "__main__":
    saeval()
