"""Holds one training session, from set-up to its result. May import what lies below it, and no task by name."""
