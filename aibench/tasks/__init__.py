"""One folder a task. The folder listing is the registry: `aibench.composition.registry` reads it."""
