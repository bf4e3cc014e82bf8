"""Users' interactions with items in time, as recommenders read, filter, hold out and show them."""
