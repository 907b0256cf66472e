"""``python -m saeval``: the ``saeval`` command."""

from saeval.evalsuite.cli.main import main

if __name__ == "__main__":
    main()
