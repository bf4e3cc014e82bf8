"""What networks of several tasks share."""
