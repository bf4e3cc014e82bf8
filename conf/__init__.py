"""A package so that `pkg://aibench.conf` finds the YAML files from a checkout and from an installed wheel."""
