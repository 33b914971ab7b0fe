"""A session of measurements: variants take turns, and each measurement is kept at once."""
