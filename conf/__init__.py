"""Makes this folder a package: `pkg://aibench.conf` then finds its files in a checkout and in a wheel."""
