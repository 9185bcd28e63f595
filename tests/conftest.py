"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

from suites.cli import keep_off_stdout

# Deadlines measure the machine: a first call imports scipy or torch, and the cores are shared. All else
# is as Hypothesis chose, which knows CI from a desk.
settings.register_profile("shared-cores", settings(), deadline=None)
settings.load_profile("shared-cores")

# Tests make models before the command line has run, and read what it prints.
keep_off_stdout("DeepSpeed")
