"""Makes `hydra/launcher=pool` known to Hydra, which looks for plugins in the package `hydra_plugins` alone."""
