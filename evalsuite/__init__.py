"""Who answers: models and engines, the runner, predictions on disk, and the `saeval` command."""
