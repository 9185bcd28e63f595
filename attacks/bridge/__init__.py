"""TextAttack both ways: its attacks against our victims, our victims in its attacks.

`recipe` makes a recipe of any TextAttack attack, `VictimWrapper` a `ModelWrapper` of any victim, and
`WrappedModel` a victim of any `ModelWrapper`. TextAttack is imported when the first is needed.
"""

from attacks.bridge.catalogue import load, recipe
from attacks.bridge.wrappers import VictimWrapper, WrappedModel

__all__ = ["VictimWrapper", "WrappedModel", "load", "recipe"]
