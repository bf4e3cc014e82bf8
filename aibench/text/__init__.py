"""Text parts that two tasks or more share."""
