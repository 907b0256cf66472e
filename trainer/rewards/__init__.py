"""Rewards as pure functions: what one completion says, in; a number, out.

A component is a function of a `Completion` and keyword-only parameters. Its docstring has the
formula, the source and an example; its signature is the schema of its parameters in a recipe.
`saeval.trainer.rewards.registry` knows them by name.

"Right" is the same everywhere: the prediction is the target. To abstain where nothing can be known
is right; an invalid answer never is.
"""

VERSION = 1
"""Raised whenever a component pays anything else than before; every checkpoint records it."""
