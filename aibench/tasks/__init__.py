"""One folder a task. The folder listing is the registry: `aibench.registry` reads it."""
