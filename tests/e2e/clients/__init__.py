"""Drivers for the client programs: each starts a real program with its own folder."""
