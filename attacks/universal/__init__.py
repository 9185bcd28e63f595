"""Universal adversarial triggers: the same few words before every text (Wallace et al., EMNLP 2019).

`find` looks for one on a set of examples, `answers` says what a victim makes of texts with and without
it, and `TriggerFile` is how it is kept for the attack `universal-trigger`.
"""

from attacks.universal.answers import answers
from attacks.universal.file import TriggerFile
from attacks.universal.found import Found, Round, Settings
from attacks.universal.search import find
from attacks.universal.trigger import Trigger, random_words

__all__ = [
    "Found",
    "Round",
    "Settings",
    "Trigger",
    "TriggerFile",
    "answers",
    "find",
    "random_words",
]
