"""A local page over many runs. `index` finds and reads them, `pages` draws, `server` answers."""
