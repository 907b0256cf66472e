"""``python -m saeval.trainer``: the ``satrain`` command."""

from saeval.trainer.cli import main

if __name__ == "__main__":
    main()
