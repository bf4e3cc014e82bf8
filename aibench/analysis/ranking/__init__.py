"""Puts several systems in order, and says which places the data decide."""
