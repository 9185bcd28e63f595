"""Victims behind one protocol (`attacks.models.Victim`)."""
