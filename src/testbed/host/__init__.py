"""The host testbed runs on: its engine, its acceleration, its room."""
